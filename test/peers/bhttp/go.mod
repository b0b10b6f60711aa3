module narun.test/bhttp

go 1.25.4

require github.com/openpcc/bhttp v0.0.80

require (
	github.com/quic-go/quic-go v0.57.1 // indirect
	golang.org/x/net v0.48.0 // indirect
	golang.org/x/text v0.32.0 // indirect
)
