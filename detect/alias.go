package detect

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
)

// aliasKey is the secret key of this process, so that aliases are meaningless elsewhere.
var aliasKey = func() []byte {
	key := make([]byte, sha256.Size)
	rand.Read(key) // never fails
	return key
}()

// alias returns a short keyed hash of a text and its kind.
func alias(kind, text string) string {
	h := hmac.New(sha256.New, aliasKey)
	h.Write([]byte(kind + "\x00" + text)) // never fails
	return hex.EncodeToString(h.Sum(nil)[:8])
}
