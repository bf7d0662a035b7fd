package replay

import (
	"bytes"
	"compress/gzip"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// read returns what a Reader makes of a log named a.log, and what it skips.
func read(t testing.TB, text string) ([]*Entry, Skipped) {
	t.Helper()
	r := new(Reader)
	r.Add("a.log", strings.NewReader(text))
	all := slices.Collect(r.All())
	return all, r.Skipped()
}

// one returns the only request in a log.
func one(t testing.TB, line string) *Entry {
	t.Helper()
	all, skipped := read(t, line+"\n")
	if len(all) != 1 || skipped.Lines != 0 {
		t.Fatalf("%d requests, skipped %+v, in %s", len(all), skipped, line)
	}
	return all[0]
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func at(t testing.TB, s string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t.Fatal(err)
	}
	return v.UTC()
}

func packed(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
