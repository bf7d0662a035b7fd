package inflate

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// Forms of a body.
type form struct {
	name   string
	pack   func(w io.Writer, level int) (io.WriteCloser, error)
	unpack func(d *Decoder, to, s []byte, l *Limits) ([]byte, End)
}

var forms = []form{
	{"gzip", func(w io.Writer, level int) (io.WriteCloser, error) { return gzip.NewWriterLevel(w, level) }, (*Decoder).Gzip},
	{"zlib", func(w io.Writer, level int) (io.WriteCloser, error) { return zlib.NewWriterLevel(w, level) }, (*Decoder).Zlib},
	{"raw", func(w io.Writer, level int) (io.WriteCloser, error) { return flate.NewWriter(w, level) }, (*Decoder).Raw},
}

func (f *form) packed(t testing.TB, text string, level int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := f.pack(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func enough() *Limits { return &Limits{Bytes: 1 << 20, Work: 1 << 30} }

// noise returns bytes that no compressor makes shorter.
func noise(n int) string {
	r, b := rand.New(rand.NewPCG(1, 2)), make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return string(b)
}

func texts() map[string]string {
	return map[string]string{
		"nothing": "", "a letter": "a", "one letter again and again": strings.Repeat("a", 100_000), "a few letters again and again": strings.Repeat("abc", 30_000),
		"words": strings.Repeat("Some text that people write, and more of it. ", 2000), "noise": noise(100_000),
		"noise and words": noise(20_000) + strings.Repeat("words, words ", 5000) + noise(20_000),
	}
}

// Whatever the standard library compresses comes back, at all levels.
func TestTextsComeBack(t *testing.T) {
	var d Decoder
	for name, text := range texts() {
		for _, f := range forms {
			for _, level := range []int{flate.NoCompression, flate.BestSpeed, flate.DefaultCompression, flate.BestCompression, flate.HuffmanOnly} {
				out, end := f.unpack(&d, []byte("before"), f.packed(t, text, level), enough())
				if string(out) != "before"+text || end != Done {
					t.Errorf("%s in %s, level %d: %d bytes, end %d", name, f.name, level, len(out), end)
				}
			}
		}
	}
}

// The beginning counts of what is cut off or broken.
func TestBrokenStreams(t *testing.T) {
	text := strings.Repeat("id=1' or '1'='1 and some more text, number ", 50)
	var d Decoder
	for _, f := range forms {
		s := f.packed(t, text, flate.BestSpeed)
		for n := range s {
			out, end := f.unpack(&d, nil, s[:n], enough())
			if end == Cut || f.name != "zlib" && end == Done && f.name == "gzip" || !strings.HasPrefix(text, string(out)) {
				t.Errorf("%s, %d of %d bytes: %d bytes, end %d", f.name, n, len(s), len(out), end)
			}
		}
		half := f.packed(t, text, flate.NoCompression)
		if out, end := f.unpack(&d, nil, half[:len(half)/2], enough()); len(out) < 900 || end != Broken {
			t.Errorf("%s, half of it: %d bytes, end %d", f.name, len(out), end)
		}
	}
}

func TestWhatIsNotCompressed(t *testing.T) {
	for _, s := range []string{"", "a", "\x1f\x8b", "id=1&name=x", "{\"a\":1}", "\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\x03\xff\xff", "\x1f\x8b\x08\x08\x00\x00\x00\x00\x00\x03no end"} {
		var d Decoder
		if out, end := d.Gzip(nil, []byte(s), enough()); len(out) > 0 || end != Broken {
			t.Errorf("gzip of %q: %q, end %d", s, out, end)
		}
		if out, end := d.Zlib(nil, []byte(s), enough()); len(out) > 0 || end != Broken {
			t.Errorf("zlib of %q: %q, end %d", s, out, end)
		}
	}
}

// A gzip body may have several members, and a header with a name and more.
func TestMembers(t *testing.T) {
	var b bytes.Buffer
	for _, text := range []string{"one ", "", "two"} {
		w := gzip.NewWriter(&b)
		w.Name, w.Comment, w.Extra = "a name", "a comment", []byte("extra")
		_, _ = io.WriteString(w, text)
		_ = w.Close()
	}
	b.WriteString("padding")
	var d Decoder
	if out, end := d.Gzip(nil, b.Bytes(), enough()); string(out) != "one two" || end != Done {
		t.Errorf("%q, end %d", out, end)
	}
}

// Limits hold to the byte, also of what would be a thousand times as long, and of many members.
func TestLimits(t *testing.T) {
	bomb := forms[0].packed(t, strings.Repeat("\x00", 8<<20), flate.BestCompression)
	members := bytes.Repeat(forms[0].packed(t, "", flate.BestSpeed), 10_000)
	var d Decoder
	for _, row := range []struct {
		name        string
		s           []byte
		bytes, work int
		out         int
		end         End
	}{
		{"all of it", forms[0].packed(t, "12345", flate.BestSpeed), 5, 100_000, 5, Done},
		{"a byte less", forms[0].packed(t, "12345", flate.BestSpeed), 4, 100_000, 4, Cut},
		{"nothing", forms[0].packed(t, "12345", flate.BestSpeed), 0, 100_000, 0, Cut},
		{"no work", forms[0].packed(t, "12345", flate.BestSpeed), 5, 0, 0, Cut},
		{"a bomb", bomb, 131_072, 1_000_000, 131_072, Cut},
		{"a stored bomb", forms[0].packed(t, noise(1<<17), flate.NoCompression), 1000, 100_000, 1000, Cut},
		{"empty members", members, 131_072, 200_000, 0, Cut},
	} {
		l := Limits{Bytes: row.bytes, Work: row.work}
		out, end := d.Gzip(make([]byte, 3), row.s, &l)
		if len(out)-3 != row.out || end != row.end || l.Bytes != row.bytes-row.out || l.Work < 0 {
			t.Errorf("%s: %d bytes, end %d, left %+v", row.name, len(out)-3, end, l)
		}
	}
}

// The memory of a decoder is its own: nothing is allocated for a stream.
func TestNothingIsAllocated(t *testing.T) {
	s := forms[0].packed(t, strings.Repeat("Some text that people write. ", 2000)+noise(5000), flate.DefaultCompression)
	var d Decoder
	to := make([]byte, 0, 1<<20)
	l := enough()
	if n := testing.AllocsPerRun(10, func() { to, _ = d.Gzip(to[:0], s, l) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzRaw compares with the standard library: the same text of the same bytes, and an error
// where it has one.
func FuzzRaw(f *testing.F) {
	for _, text := range texts() {
		text = text[:min(len(text), 2000)]
		for _, level := range []int{flate.NoCompression, flate.BestSpeed, flate.BestCompression, flate.HuffmanOnly} {
			f.Add(forms[2].packed(f, text, level))
		}
	}
	for _, s := range hostile(f) {
		f.Add(s[:min(len(s), 2000)])
	}
	var long bitWriter
	long.long(20)
	f.Add(long.out)
	var d Decoder
	f.Fuzz(func(t *testing.T, s []byte) {
		const most = 1 << 16
		l := Limits{Bytes: most, Work: 1 << 30}
		out, end := d.Raw(nil, s, &l)
		want, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(s)), most))
		switch {
		case !bytes.HasPrefix(out, want):
			t.Errorf("%d bytes of %x: want %d", len(out), s, len(want))
		case end == Done && (err != nil || len(out) != len(want)):
			t.Errorf("%x: done with %d bytes, want %d and %v", s, len(out), len(want), err)
		case end == Broken && err == nil && len(want) < most:
			t.Errorf("%x: broken after %d bytes, want all %d", s, len(out), len(want))
		}
	})
}
