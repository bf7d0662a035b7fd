package lists

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gaissmai/bart"
	"github.com/tocsin-project/tocsin/lookup"
)

// BenchmarkMillionLines measures a list of a million lines from the file to
// the table, the parser alone, and the yardstick: the least that a program
// could do with the standard library and a set of prefixes.
func BenchmarkMillionLines(b *testing.B) {
	text := millionLines()
	path := filepath.Join(b.TempDir(), "list")
	write(b, path, text)

	b.Run("in force", func(b *testing.B) {
		f, err := NewFile(FileConfig{Path: path})
		must(b, err)
		b.ReportAllocs()
		for b.Loop() {
			table := new(lookup.Table)
			newFollower(f, table).look(b.Context())
			if table.Len() < 900_000 {
				b.Fatalf("%d decisions: %v", table.Len(), f.Status().Err)
			}
		}
	})
	b.Run("in force, from a URL", func(b *testing.B) {
		u, err := NewURL(URLConfig{URL: "https://list.test/x"})
		must(b, err)
		body := gzipped(text)
		u.transport = roundTrip(func(*http.Request) *http.Response {
			return &http.Response{
				StatusCode: 200, ContentLength: int64(len(body)), Body: io.NopCloser(bytes.NewReader(body)),
				Header: http.Header{"Content-Encoding": {"gzip"}},
			}
		})
		b.ReportAllocs()
		for b.Loop() {
			table := new(lookup.Table)
			newFetcher(u, table).poll(b.Context())
			if table.Len() < 900_000 {
				b.Fatalf("%d decisions: %v", table.Len(), u.Status().Err)
			}
		}
	})
	b.Run("parsed", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s, err := parser{maxLines: 2_000_000}.parse(strings.NewReader(text), func(netip.Prefix) {})
			if err != nil || s.Entries != 1_000_000 {
				b.Fatalf("%+v, %v", s, err)
			}
		}
	})
	b.Run("yardstick", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			file, err := os.Open(path)
			must(b, err)
			set := new(bart.Lite)
			for in := bufio.NewScanner(file); in.Scan(); {
				p, err := netip.ParsePrefix(in.Text())
				if err != nil {
					ip, err := netip.ParseAddr(in.Text())
					must(b, err)
					p = netip.PrefixFrom(ip, ip.BitLen())
				}
				set.Insert(p)
			}
			must(b, file.Close())
			if set.Size() < 900_000 {
				b.Fatalf("%d prefixes", set.Size())
			}
		}
	})
}

// roundTrip answers without a network.
type roundTrip func(*http.Request) *http.Response

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }
