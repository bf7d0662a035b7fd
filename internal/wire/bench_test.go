package wire

import (
	"bytes"
	"encoding/json"
	"io"
	"testing"
)

// million returns a startup answer of a million decisions, of which a hundredth
// is in memory.
func million() (io.Reader, int64) {
	const parts = 100
	var b bytes.Buffer
	for i := range 1_000_000 / parts {
		b.WriteByte(',')
		writeRow(&b, i)
	}
	readers := []io.Reader{bytes.NewReader([]byte(`{"new": [{}`))}
	for range parts {
		readers = append(readers, bytes.NewReader(b.Bytes()))
	}
	readers = append(readers, bytes.NewReader([]byte(`], "deleted": []}`)))
	return io.MultiReader(readers...), int64(parts * b.Len())
}

func BenchmarkMillion(b *testing.B) {
	b.Run("wire", func(b *testing.B) {
		d := NewDecoder()
		bench(b, func(r io.Reader) (n int) {
			d.Reset(r)
			for _, err := range d.Stream() {
				if err != nil {
					b.Fatal(err)
				}
				n++
			}
			return n
		})
	})
	b.Run("encoding-json", func(b *testing.B) {
		bench(b, func(r io.Reader) (n int) {
			d := json.NewDecoder(r)
			for range 3 {
				if _, err := d.Token(); err != nil {
					b.Fatal(err)
				}
			}
			for d.More() {
				var row struct{ Duration, Origin, Scenario, Scope, Type, Value string }
				if err := d.Decode(&row); err != nil {
					b.Fatal(err)
				}
				n++
			}
			return n
		})
	})
}

func bench(b *testing.B, decode func(io.Reader) int) {
	b.ReportAllocs()
	rows := 0
	for b.Loop() {
		r, size := million()
		b.SetBytes(size)
		rows += decode(r)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rows), "ns/row")
}
