package lookup

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/netip"
	"time"
)

// A snapshot is the magic bytes, of which the last is the version, and then
// blocks. A block is the length of its body and the CRC-32C of it, four bytes
// each, big-endian, and the body: whole entries one after the other. An entry
// is named by its first byte:
//
//	0…32     an IPv4 decision: bits, 4 bytes of address, kind, end, beginning
//	64…192   an IPv6 decision: 64 + bits, 16 bytes of address, and the same
//	kindMark a kind: action, source, origin, reason; kinds are numbered from 0
//	endMark  the number of decisions; nothing follows
//
// Numbers are varints, times are signed ones of Unix nanoseconds, a string has
// its length before it. Decisions come in no order, each after its kind.
const snapshotMagic = "tocsin table\x00\x01"

const (
	v6Mark     = 64
	kindMark   = 0xfe
	endMark    = 0xff
	maxWord    = 1 << 16            // bytes of one string; longer ones are cut
	blockBytes = 1 << 15            // a block is closed when it has so many
	maxBlock   = blockBytes * 8     // a block with the longest of kinds is shorter
	maxKinds   = 1 << (32 - 8)      // as many as a batch can number
	entryBytes = 1 + 16 + 5 + 2*10  // the longest decision
	headBytes  = 4 + crc32.Size     // what stands before a block's body
	magicBytes = len(snapshotMagic) // what stands before all blocks
)

var (
	errForeign = errors.New("not a snapshot of this version")
	errDamaged = errors.New("damaged snapshot")
)

// WriteTo writes the decisions in force to w, in a form that [Table.ReadFrom]
// understands, and returns the number of bytes. The table may change
// meanwhile: what is written is its state at the time of the call.
func (t *Table) WriteTo(w io.Writer) (int64, error) {
	e := &encoder{w: w, buf: make([]byte, headBytes, headBytes+blockBytes+entryBytes)}
	e.write([]byte(snapshotMagic))
	n := uint64(0)
	if s := t.cur.Load(); s != nil {
		n = e.state(s)
	}
	e.buf = binary.AppendUvarint(append(e.buf, endMark), n)
	e.flush()
	if e.err != nil {
		return e.n, fmt.Errorf("writing snapshot: %w", e.err)
	}
	return e.n, nil
}

// ReadFrom replaces all decisions of all sources by those that WriteTo wrote,
// less the ones that have ended since, and returns the number of bytes read.
// It reads r to its end. If it returns an error, which it does for a snapshot
// that is cut, damaged or of another version, then t is as it was.
func (t *Table) ReadFrom(r io.Reader) (int64, error) {
	dec := &decoder{r: r}
	read, err := dec.table()
	if err != nil {
		return dec.n, fmt.Errorf("reading snapshot: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := *read.cur.Load()
	s.version = t.Version() + 1
	t.index, t.refs = read.index, read.refs
	t.cur.Store(&s)
	return dec.n, nil
}

// An encoder gathers entries into blocks and writes them until it fails. The
// first bytes of buf are kept for the block's head.
type encoder struct {
	w   io.Writer
	n   int64
	err error
	buf []byte
}

// state writes what is in force in s and returns the number of decisions.
func (e *encoder) state(s *state) uint64 {
	for i := range s.kinds {
		k := &s.kinds[i]
		e.buf = append(e.buf, kindMark, byte(k.action))
		for _, word := range []string{k.source, k.origin, k.reason} {
			word = word[:min(len(word), maxWord)]
			e.buf = append(binary.AppendUvarint(e.buf, uint64(len(word))), word...)
		}
		e.flushFull()
	}
	wall := time.Now()
	now, n := s.epoch.nanos(wall), uint64(0)
	by := wall.UnixNano() - now
	for p, r := range s.all() {
		if r.until > now {
			e.record(p, record{shift(r.until, by), shift(r.since, by), r.kind})
			n++
		}
		if e.err != nil {
			break
		}
	}
	return n
}

func (e *encoder) record(p netip.Prefix, r record) {
	if p.Addr().Is4() {
		a := p.Addr().As4()
		e.buf = append(append(e.buf, byte(p.Bits())), a[:]...)
	} else {
		a := p.Addr().As16()
		e.buf = append(append(e.buf, byte(v6Mark+p.Bits())), a[:]...)
	}
	e.buf = binary.AppendUvarint(e.buf, uint64(r.kind))
	e.buf = binary.AppendVarint(e.buf, r.until)
	e.buf = binary.AppendVarint(e.buf, r.since)
	e.flushFull()
}

func (e *encoder) flushFull() {
	if len(e.buf) >= headBytes+blockBytes {
		e.flush()
	}
}

// flush writes what was gathered as a block.
func (e *encoder) flush() {
	body := e.buf[headBytes:]
	binary.BigEndian.PutUint32(e.buf, uint32(len(body)))
	binary.BigEndian.PutUint32(e.buf[4:], crc32.Checksum(body, castagnoli()))
	e.write(e.buf)
	e.buf = e.buf[:headBytes]
}

func (e *encoder) write(b []byte) {
	if e.err == nil {
		n, err := e.w.Write(b)
		e.n, e.err = e.n+int64(n), err
	}
}

// castagnoli returns the table of CRC-32C, which processors compute by
// themselves. MakeTable keeps it.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }
