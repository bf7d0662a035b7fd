package community

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"strings"
)

// StoredText returns a text as stores keep it: valid UTF-8 without NUL, since not all
// databases have others, and a member that sends one must not fail for what others see.
func StoredText(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// SealEntry returns an entry with the hash of the one before it, nil for the first, and with
// its own hash over all its other fields. Its time is in UTC from then on, and its texts are
// as stores keep them.
func SealEntry(prev []byte, e Entry) Entry {
	e.At = e.At.UTC().Round(0) // no monotonic reading: a store does not keep it
	e.Actor, e.Action, e.Target, e.Detail = StoredText(e.Actor), StoredText(e.Action), StoredText(e.Target), StoredText(e.Detail)
	e.Prev = prev
	h := sha256.New()
	number(h, e.Seq)
	number(h, uint64(e.At.Unix()))
	number(h, uint64(e.At.Nanosecond()))
	for _, field := range [][]byte{[]byte(e.Actor), []byte(e.Action), []byte(e.Target), []byte(e.Detail), e.Prev} {
		// With its length before each field, no text can move from one field to the next.
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
