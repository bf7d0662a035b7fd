package waf

import (
	"bytes"
	"testing"
)

// Whatever a text is: an ASCII literal is in what lowerToFind makes of it if it is in what
// toLower makes of it.
func FuzzLowerToFind(f *testing.F) {
	for _, s := range []string{"ABC", "\u0130D", "\u212aeY", "\xc4\u0130", "\xe2\x84\u0130\xe2\x84\u212a", "\u00c9A\u0130\xff", "\xc4\xb0\xc4", "plain"} {
		f.Add([]byte(s))
	}
	ascii := func(s []byte) [][]byte {
		return bytes.FieldsFunc(s, func(r rune) bool { return r >= 0x80 })
	}
	f.Fuzz(func(t *testing.T, s []byte) {
		found := lowerToFind(&room{}, s)
		for _, literal := range ascii(toLower(&room{}, s)) {
			if !bytes.Contains(found, literal) {
				t.Errorf("%q is not in %q of %q", literal, found, s)
			}
		}
	})
}
