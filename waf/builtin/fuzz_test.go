package builtin

import (
	"bytes"
	"slices"
	"testing"

	"github.com/tocsin-project/tocsin/waf"
)

// Whatever is in a text: resolving its escapes makes it no longer, leaves it alone itself,
// and leaves no capital letters. Where nothing is escaped, nothing but case changes.
func FuzzUnescape(f *testing.F) {
	for _, s := range []string{"a%27b", "%2527", "%u0027", "&#39;&lt;&#x3c", `\u0027\x27`, "\xc0\xae\xe0\x80\xaf", "＜", "%", "&", "&#", `\`, "\xe0", "’"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, s []byte) {
		before := bytes.Clone(s)
		decoded, layers := unescape(nil, s)
		switch {
		case !bytes.Equal(s, before):
			t.Errorf("%q became %q", before, s)
		case len(decoded) > len(s), layers > 3:
			t.Errorf("%q became %q in %d layers", s, decoded, layers)
		case bytes.ContainsAny(decoded, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"):
			t.Errorf("%q became %q", s, decoded)
		case !bytes.ContainsAny(s, `%&\`) && bytes.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) < 0 && !bytes.Equal(decoded, bytes.ToLower(s)):
			t.Errorf("%q became %q", s, decoded)
		}
		for _, form := range [][]byte{appendSpaced(nil, decoded), appendBare(nil, decoded)} {
			if len(form) > len(decoded) {
				t.Errorf("%q became %q", decoded, form)
			}
		}
	})
}

// A value in any part gives the same findings twice, the second time from a watch that was
// used before.
func FuzzLook(f *testing.F) {
	d := newDetector()
	for _, s := range []string{"1' or '1'='1", "<svg onload=alert(1)>", "${${lower:j}ndi:x", "..%2f..%2fetc/passwd", "PD94bWw", "eyJhbGciOiJub25lIn0.", "\xff\xfe<\x00a\x00", "() { :;};"} {
		for part := range byte(7) {
			f.Add(part, []byte("name"), []byte(s))
		}
	}
	used := d.Watch()
	f.Fuzz(func(t *testing.T, part byte, name, value []byte) {
		p := waf.Part(part % 7)
		first := d.Watch()
		first.Look(p, name, value)
		used.Look(p, name, value)
		if a, b := first.Findings(), used.Findings(); !slices.Equal(a, b) {
			t.Errorf("%d %q=%q: %v, then %v", p, name, value, a, b)
		}
		used.Reset()
		if found := used.Findings(); len(found) > 0 {
			t.Errorf("after Reset: %v", found)
		}
	})
}

// An ordinary request leaves no garbage.
func TestOrdinaryRequestsAllocateNothing(t *testing.T) {
	rules := own(t)
	for i, s := range samples() {
		req := waf.Request{Method: s.method, Target: s.target, Proto: "HTTP/1.1", Header: s.header, HasBody: s.body != ""}
		body := []byte(s.body)
		run := func() {
			in := rules.Head(&req)
			in.Body(body)
			in.Close()
		}
		run()
		if n := testing.AllocsPerRun(50, run); n > 0 && !raceEnabled {
			t.Errorf("%s: %v allocations", sampleNames[i], n)
		}
	}
}
