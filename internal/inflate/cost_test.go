package inflate

import (
	"bytes"
	"compress/flate"
	"io"
	"math/bits"
	"strings"
	"testing"
)

// A bitWriter writes what no compressor does.
type bitWriter struct {
	out  []byte
	held uint64
	n    int
}

func (w *bitWriter) bits(value, n int) {
	w.held |= uint64(value) << w.n
	for w.n += n; w.n >= 8; w.n -= 8 {
		w.out = append(w.out, byte(w.held))
		w.held >>= 8
	}
}

// repeat writes a length by its code, and says that it counts many times.
func (w *bitWriter) repeat(code, n, times int) {
	w.bits(code, n)
	for times--; times > 0; times -= 6 {
		w.bits(0, 1)
		w.bits(min(times, 6)-3, 2)
	}
}

// begin writes the beginning of a block with tables: the lengths of the codes for lengths.
func (w *bitWriter) begin(last int, ofLengths map[uint8]int) {
	w.bits(last|2<<1, 3)
	w.bits(29, 5) // 286 symbols
	w.bits(0, 5)  // one distance
	w.bits(15, 4) // 19 lengths
	for _, symbol := range order {
		w.bits(ofLengths[symbol], 3)
	}
}

// empty writes a block that has tables and nothing else.
func (w *bitWriter) empty() {
	w.begin(0, map[uint8]int{16: 1, 8: 2, 1: 3, 9: 3})
	w.repeat(0b01, 2, 226) // lengths of eight
	w.repeat(0b111, 3, 60) // and of nine
	w.bits(0b011, 3)       // a distance with a length of one
	w.bits(0x8f, 9)
}

// long writes a block of letters whose codes are as long as they can be.
func (w *bitWriter) long(letters int) {
	w.begin(1, map[uint8]int{0: 4, 1: 4, 2: 4, 3: 4, 4: 4, 5: 4, 6: 4, 7: 4, 8: 4, 9: 4, 10: 4, 11: 4, 12: 4, 13: 4, 14: 4, 15: 4})
	length := func(n uint8) { w.bits(int(bits.Reverse8(n)>>4), 4) }
	for symbol := range 286 {
		switch {
		case symbol < 14:
			length(uint8(symbol) + 1)
		case symbol == 'a', symbol == 256:
			length(15)
		default:
			length(0)
		}
	}
	length(1)
	for range letters {
		w.bits(0x3fff, 15)
	}
	w.bits(0x7fff, 15)
	w.bits(0, 8)
}

// hostile are streams that were made to cost, and ordinary ones.
func hostile(t testing.TB) map[string][]byte {
	var tables, long bitWriter
	for range 5000 {
		tables.empty()
	}
	long.long(100_000)
	raw := &forms[2]
	return map[string][]byte{
		"fixed blocks": bytes.Repeat([]byte{0x02, 0x08, 0x20, 0x80, 0x00}, 26_000), // empty ones
		"tables":       tables.out,
		"long codes":   long.out,
		"noise":        raw.packed(t, noise(200_000), flate.HuffmanOnly),
		"zeros":        raw.packed(t, strings.Repeat("\x00", 1<<20), flate.BestCompression),
		"words":        raw.packed(t, strings.Repeat("Some text that people write. ", 10_000), flate.BestSpeed),
	}
}

func BenchmarkHostile(b *testing.B) {
	for name, s := range hostile(b) {
		s = s[:min(len(s), 131_072)]
		b.Run(name, func(b *testing.B) {
			var d Decoder
			to, units := make([]byte, 0, 1<<20), 0
			for b.Loop() {
				l := Limits{Bytes: 131_072, Work: 1 << 30}
				to, _ = d.Raw(to[:0], s, &l)
				units = 1<<30 - l.Work
			}
			b.ReportMetric(float64(units), "units")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(units), "ns/unit")
			b.ReportMetric(float64(len(to)), "bytes")
		})
		b.Run(name+" in the standard library", func(b *testing.B) {
			for b.Loop() {
				_, _ = io.Copy(io.Discard, io.LimitReader(flate.NewReader(bytes.NewReader(s)), 131_072))
			}
		})
	}
}
