package lookup

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

func snapshotOf(t testing.TB, table *Table) []byte {
	t.Helper()
	var buf bytes.Buffer
	n, err := table.WriteTo(&buf)
	if err != nil || n != int64(buf.Len()) {
		t.Fatalf("wrote %d of %d bytes: %v", n, buf.Len(), err)
	}
	return buf.Bytes()
}

func TestSnapshotCarriesWhatIsInForce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table Table
		table.Update("lapi", []Decision{on("192.0.2.1", Ban, time.Hour), on("192.0.2.2", Ban, time.Minute)}, nil)
		table.Update("list", []Decision{on("2001:db8::/32", Captcha, 0), on("192.0.2.1", Throttle, 2*time.Hour)}, nil)
		began := time.Now()
		advance(time.Minute)
		data := snapshotOf(t, &table)
		advance(90 * time.Minute)
		read := new(Table)
		read.Update("lapi", []Decision{on("203.0.113.1", Ban, 0)}, nil)
		n, err := read.ReadFrom(iotest.OneByteReader(bytes.NewReader(data)))
		if err != nil || n != int64(len(data)) {
			t.Fatalf("read %d of %d bytes: %v", n, len(data), err)
		}
		var got []string
		for d := range read.All() {
			got = append(got, strings.Join([]string{d.Source, d.Prefix.String(), d.Action.String(), d.Reason, d.Origin}, " "))
			if !d.Since.Equal(began) {
				t.Errorf("%v began %v, want %v", d.Prefix, d.Since, began)
			}
		}
		slices.Sort(got)
		want := []string{"list 192.0.2.1/32 throttle test cscli", "list 2001:db8::/32 captcha test cscli"}
		if !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
		if d, _ := read.Lookup(netip.MustParseAddr("192.0.2.1")); !d.Until.Equal(began.Add(2 * time.Hour)) {
			t.Errorf("it ends %v, want two hours after %v", d.Until, began)
		}
	})
}

func TestSnapshotOfALargeTable(t *testing.T) {
	var table, read Table
	table.Replace("lapi", population(rand.New(rand.NewPCG(5, 5)), 20_000))
	if _, err := read.ReadFrom(bytes.NewReader(snapshotOf(t, &table))); err != nil {
		t.Fatal(err)
	}
	n := 0
	for d := range table.All() {
		got := read.Covering(d.Prefix.Addr())
		if !slices.ContainsFunc(got, func(g Decision) bool {
			return g.Prefix == d.Prefix && g.Action == d.Action && g.Reason == d.Reason && g.Until.Sub(d.Until).Abs() < time.Millisecond
		}) {
			t.Fatalf("%+v became %+v", d, got)
		}
		n++
	}
	if n != read.Len() || n < 19_000 {
		t.Errorf("%d decisions became %d", n, read.Len())
	}
}

func TestDamagedSnapshotLeavesTheTableAsItWas(t *testing.T) {
	var source Table
	source.Replace("lapi", population(rand.New(rand.NewPCG(6, 6)), 3000))
	good := snapshotOf(t, &source)
	changed := func(at int, to byte) []byte {
		bad := slices.Clone(good)
		bad[(at+len(bad))%len(bad)] = to
		return bad
	}
	for _, tc := range []struct {
		name string
		data []byte
	}{
		{"an empty file", nil},
		{"half a magic", good[:5]},
		{"a foreign file", []byte("GIF89a and what follows in such a file")},
		{"another version", changed(magicBytes-1, 2)},
		{"the head alone", good[:magicBytes]},
		{"cut in a block's head", good[:magicBytes+3]},
		{"cut in a block", good[:len(good)/2]},
		{"cut before the last byte", good[:len(good)-1]},
		{"cut after a whole block", good[:magicBytes+headBytes+int(binary.BigEndian.Uint32(good[magicBytes:]))]},
		{"a byte more", append(slices.Clone(good), 0)},
		{"two snapshots in one", append(slices.Clone(good), good...)},
		{"a block of four gigabytes", changed(magicBytes, 0xff)},
		{"a changed address", changed(len(good)/2, good[len(good)/2]^1)},
		{"a changed end mark", changed(-1, good[len(good)-1]^1)},
		{"an entry of no kind", sealed(100)},
		{"a decision of an unknown kind", sealed(32, 192, 0, 2, 1, 0, 0, 0)},
		{"a cut decision", sealed(32, 192, 0)},
		{"a mapped prefix that is too wide", sealed(append([]byte{64 + 90}, make([]byte, 19)...)...)},
		{"a kind without end", sealed(kindMark, 3, 200, 'x')},
		{"a kind with an invalid action", sealed(kindMark, 9, 0, 0, 0)},
		{"a wrong count", sealed(endMark, 1)},
		{"entries after the end", sealed(endMark, 0, endMark, 0)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var table Table
			table.Update("local", []Decision{on("192.0.2.1", Ban, 0)}, nil)
			if _, err := table.ReadFrom(bytes.NewReader(tc.data)); err == nil {
				t.Error("no error")
			} else if !errors.Is(err, errDamaged) && !errors.Is(err, errForeign) {
				t.Errorf("error %v", err)
			}
			if d, _ := table.Lookup(netip.MustParseAddr("192.0.2.1")); d.Source != "local" || table.Len() != 1 {
				t.Errorf("the table has changed: %+v", d)
			}
		})
	}
}

// sealed returns a snapshot of one block whose checksum is right.
func sealed(body ...byte) []byte {
	b := append([]byte(snapshotMagic), 0, 0, 0, byte(len(body)))
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(body, castagnoli()))
	return append(b, body...)
}

func TestSnapshotPassesErrorsOn(t *testing.T) {
	var table Table
	table.Replace("lapi", population(rand.New(rand.NewPCG(8, 8)), 3000))
	if _, err := table.WriteTo(&brokenWriter{left: 20_000}); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("writing: %v", err)
	}
	if _, err := table.ReadFrom(iotest.ErrReader(io.ErrClosedPipe)); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("reading: %v", err)
	}
}

type brokenWriter struct{ left int }

func (w *brokenWriter) Write(b []byte) (int, error) {
	if w.left -= len(b); w.left < 0 {
		return 0, io.ErrShortWrite
	}
	return len(b), nil
}

// FuzzReadFrom feeds a reader with anything: with the bytes as they are, and
// with the bytes as entries under a right checksum. What it accepts must
// survive being written and read once more.
func FuzzReadFrom(f *testing.F) {
	var table Table
	table.Update("lapi", []Decision{on("192.0.2.1", Ban, time.Hour), on("2001:db8::/32", Captcha, 0)}, nil)
	good := snapshotOf(f, &table)
	f.Add(good)
	f.Add(good[magicBytes+headBytes:])
	table.Update("lapi", []Decision{{Country: "DE", Action: Ban}, {AS: 64496, Action: Captcha}}, nil)
	f.Add(snapshotOf(f, &table))
	f.Add([]byte{kindMark, 3, 1, 'a', 0, 0, 32, 192, 0, 2, 1, 0, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0, endMark, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, snapshot := range [][]byte{data, sealed(data[:min(len(data), 255)]...)} {
			var first, second Table
			if _, err := first.ReadFrom(bytes.NewReader(snapshot)); err != nil {
				if first.Len() != 0 || first.Version() != 0 {
					t.Fatal("refused, and yet something was taken")
				}
				continue
			}
			if _, err := second.ReadFrom(bytes.NewReader(snapshotOf(t, &first))); err != nil {
				t.Fatal(err)
			}
			n := 0
			for d := range first.All() {
				n++
				if p, ok := d.target(); !ok || d.Prefix.IsValid() && p != d.Prefix {
					t.Fatalf("%+v is not normalized", d)
				}
				_, ok := second.Lookup(d.Prefix.Addr())
				if _, placed := second.LookupPlace(d.Country, d.AS); !ok && !placed {
					t.Fatalf("%+v was lost", d)
				}
			}
			if n < second.Len() {
				t.Fatalf("%d decisions became %d", n, second.Len())
			}
		}
	})
}
