"""Opens with joserfc what the standard input names, and prints the texts. Without joserfc it ends with the status 3."""

import json
import sys
import warnings

warnings.simplefilter("ignore")
try:
    from joserfc import jwe, jws
    from joserfc.jwk import OctKey, OKPKey
except ImportError:
    sys.exit(3)

given = json.load(sys.stdin)
registry = jwe.JWERegistry(algorithms=["A256KW", "A256GCM", "ECDH-ES+A256KW"], strict_check_header=False)
label_key = OctKey.import_key({"kty": "oct", "k": given["labelKey"]})
opened = [jwe.decrypt_compact(one, label_key, registry=registry).plaintext.decode() for one in given["compact"]]
holder = OKPKey.import_key(given["recipient"])
own = {**given["general"], "recipients": [one for one in given["general"]["recipients"] if one["header"]["kid"] == holder.thumbprint()]}
opened.append(jwe.decrypt_json(own, holder, registry=registry).plaintext.decode())
signer = OKPKey.import_key(given["signer"])
signatures = jws.JWSRegistry(algorithms=["EdDSA"], strict_check_header=False)
opened.append(jws.deserialize_compact(given["signed"], signer, registry=signatures).payload.decode())
print(json.dumps(opened))
