package community

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"strings"
)

// StoredText returns a text as stores keep it: valid UTF-8 without NUL. Some databases accept
// no other texts, and a member must not be able to make a write fail.
func StoredText(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// SealEntry returns an entry with the hash of the entry before it (nil for the first) and a
// hash over all its other fields. It converts the time to UTC and the texts with [StoredText].
func SealEntry(prev []byte, e Entry) Entry {
	e.At = e.At.UTC().Round(0) // without the monotonic reading, which a store does not keep
	e.Actor, e.Action, e.Target, e.Detail = StoredText(e.Actor), StoredText(e.Action), StoredText(e.Target), StoredText(e.Detail)
	e.Prev = prev
	h := sha256.New()
	number(h, e.Seq)
	number(h, uint64(e.At.Unix()))
	number(h, uint64(e.At.Nanosecond()))
	for _, field := range [][]byte{[]byte(e.Actor), []byte(e.Action), []byte(e.Target), []byte(e.Detail), e.Prev} {
		// The length before each field prevents that text moves from one field to the next.
		number(h, uint64(len(field)))
		h.Write(field)
	}
	e.Hash = h.Sum(nil)
	return e
}

func number(h hash.Hash, n uint64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], n)
	h.Write(b[:])
}
