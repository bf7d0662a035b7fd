package detect

import (
	"encoding/base64"
	"encoding/binary"
	"strings"
	"unicode/utf16"
)

// readNTLM reads the last of the three messages of NTLM, which proves that the sender knows
// a password. It reports whether the message is that one. As with Digest, it is different
// each time.
func (a *attempt) readNTLM(text string) bool {
	const (
		signature = "NTLMSSP\x00"
		shows     = 3  // the number of the message
		nameAt    = 36 // where the length and the offset of the name are
		least     = nameAt + 8
	)
	m, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(m) < least || !strings.HasPrefix(string(m), signature) || binary.LittleEndian.Uint32(m[len(signature):]) != shows {
		return false
	}
	length, from := int(binary.LittleEndian.Uint16(m[nameAt:])), int(binary.LittleEndian.Uint32(m[nameAt+4:]))
	if from <= len(m) && length <= len(m)-from {
		a.user = textOfUTF16(m[from : from+length])
	}
	a.kind, a.secret = kindDigest, text
	return true
}

func textOfUTF16(bytes []byte) string {
	units := make([]uint16, 0, len(bytes)/2)
	for i := 0; i+1 < len(bytes); i += 2 {
		units = append(units, binary.LittleEndian.Uint16(bytes[i:]))
	}
	return string(utf16.Decode(units))
}
