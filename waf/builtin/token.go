package builtin

import (
	"bytes"
	"encoding/base64"
)

// maxTokenHead bounds the head of a token that is looked at.
const maxTokenHead = 256

// isUnsigned reports whether there is a JSON Web Token in a text whose head says that it
// has no signature.
func isUnsigned(s []byte) bool {
	at := bytes.Index(s, []byte("eyJ"))
	if at < 0 {
		return false
	}
	head, _, ok := bytes.Cut(s[at:min(len(s), at+maxTokenHead)], []byte("."))
	var room [maxTokenHead]byte
	n, err := base64.RawURLEncoding.Decode(room[:], head)
	if err != nil || !ok {
		return false
	}
	text := bytes.ToLower(bytes.ReplaceAll(room[:n], []byte(" "), nil))
	return bytes.Contains(text, []byte(`"alg":"none"`)) || bytes.Contains(text, []byte(`"alg":""`))
}
