// A peer for tests of binary HTTP: the codec of the original toolkit, behind lines of JSON. Each line of standard input is one
// order, each line of standard output its result.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"sort"
	"strings"

	"github.com/openpcc/bhttp"
)

// Order: `encode-request`, `decode-request`, `encode-response` or `decode-response`.
type Order struct {
	Do        string
	Hex       string
	Method    string
	URL       string
	Status    int
	Fields    [][2]string
	Body      string
	IsChunked bool
}

// Result: what was read, or the bytes that were written.
type Result struct {
	Hex     string      `json:"hex,omitempty"`
	Error   string      `json:"error,omitempty"`
	Method  string      `json:"method,omitempty"`
	Host    string      `json:"host,omitempty"`
	Target  string      `json:"target,omitempty"`
	Status  int         `json:"status,omitempty"`
	Fields  [][2]string `json:"fields,omitempty"`
	Body    string      `json:"body,omitempty"`
	Trailer [][2]string `json:"trailer,omitempty"`
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16<<20)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var order Order
		result := Result{}
		err := json.Unmarshal(lines.Bytes(), &order)
		if err == nil {
			result, err = run(order)
		}
		if err != nil {
			result = Result{Error: err.Error()}
		}
		_ = out.Encode(result)
	}
}

func run(order Order) (Result, error) {
	switch order.Do {
	case "encode-request":
		return encodeRequest(order)
	case "encode-response":
		return encodeResponse(order)
	case "decode-request":
		return decodeRequest(order)
	default:
		return decodeResponse(order)
	}
}

// A body of unknown type: net/http cannot know its length.
type unknown struct{ io.Reader }

func encodeRequest(order Order) (Result, error) {
	var body io.Reader = strings.NewReader(order.Body)
	if order.IsChunked {
		body = unknown{body}
	} else if order.Body == "" {
		body = http.NoBody
	}
	request, err := http.NewRequest(order.Method, order.URL, body)
	if err != nil {
		return Result{}, err
	}
	// A gateway hands on a request that it received: its URL has neither scheme nor host.
	request.URL.Scheme, request.URL.Host = "", ""
	if order.IsChunked {
		request.ContentLength = -1
		request.TransferEncoding = []string{"chunked"}
	}
	for _, field := range order.Fields {
		request.Header.Add(field[0], field[1])
	}
	message, err := (&bhttp.RequestEncoder{}).EncodeRequest(request)
	return bytesOf(message, err)
}

func encodeResponse(order Order) (Result, error) {
	header := http.Header{}
	for _, field := range order.Fields {
		header.Add(field[0], field[1])
	}
	message, err := (&bhttp.ResponseEncoder{}).EncodeResponse(&http.Response{
		StatusCode: order.Status,
		Header:     header,
		Body:       io.NopCloser(strings.NewReader(order.Body)),
	})
	return bytesOf(message, err)
}

func bytesOf(message io.Reader, err error) (Result, error) {
	if err != nil {
		return Result{}, err
	}
	data, err := io.ReadAll(message)
	return Result{Hex: hex.EncodeToString(data)}, err
}

func decodeRequest(order Order) (Result, error) {
	data, err := hex.DecodeString(order.Hex)
	if err != nil {
		return Result{}, err
	}
	request, err := (&bhttp.RequestDecoder{}).DecodeRequest(context.Background(), bytes.NewReader(data))
	if err != nil {
		return Result{}, err
	}
	body, err := io.ReadAll(request.Body)
	return Result{
		Method: request.Method, Host: request.Host, Target: request.RequestURI,
		Fields: sorted(request.Header), Body: string(body), Trailer: sorted(request.Trailer),
	}, err
}

func decodeResponse(order Order) (Result, error) {
	data, err := hex.DecodeString(order.Hex)
	if err != nil {
		return Result{}, err
	}
	response, err := (&bhttp.ResponseDecoder{}).DecodeResponse(context.Background(), bytes.NewReader(data))
	if err != nil {
		return Result{}, err
	}
	body, err := io.ReadAll(response.Body)
	return Result{
		Status: response.StatusCode, Fields: sorted(response.Header), Body: string(body),
		Trailer: sorted(response.Trailer),
	}, err
}

func sorted(header http.Header) [][2]string {
	fields := [][2]string{}
	for name, values := range header {
		for _, value := range values {
			fields = append(fields, [2]string{strings.ToLower(name), value})
		}
	}
	sort.Slice(fields, func(i, j int) bool { return fields[i][0] < fields[j][0] })
	return fields
}
