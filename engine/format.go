package engine

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/tocsin-project/tocsin/lookup"
)

// A snapshot consists of the magic bytes, the last of which is the version; the length
// and the CRC-32C of the JSON, four bytes each, big-endian; a JSON object with the
// sources that were in sync; and the table as package lookup writes it. A file with
// only the table is of an earlier version: then no source counts as in sync.
const (
	snapshotMagic = "tocsin state\x00\x01"
	maxHeader     = 1 << 20 // bytes of the JSON
)

var errHeader = errors.New("damaged snapshot: invalid header")

type snapshotHeader struct {
	Sources []SourceSync `json:"sources"`
}

// writeSnapshot writes a snapshot to w.
func writeSnapshot(w io.Writer, table *lookup.Table, synced []SourceSync) error {
	body, err := json.Marshal(snapshotHeader{synced})
	if err != nil {
		return err
	}
	head := append([]byte(snapshotMagic), make([]byte, 8)...)
	binary.BigEndian.PutUint32(head[len(snapshotMagic):], uint32(len(body)))
	binary.BigEndian.PutUint32(head[len(snapshotMagic)+4:], checksum(body))
	if _, err := w.Write(append(head, body...)); err != nil {
		return err
	}
	_, err = table.WriteTo(w)
	return err
}

// readSnapshot fills table from f and returns which sources were in sync with it.
func readSnapshot(f io.Reader, table *lookup.Table) ([]SourceSync, error) {
	r := bufio.NewReader(f)
	if magic, err := r.Peek(len(snapshotMagic)); err != nil || string(magic) != snapshotMagic {
		_, err := table.ReadFrom(r)
		return nil, err // no source counts as in sync, because the table may have only a part of its decisions
	}
	head := make([]byte, len(snapshotMagic)+8)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, errors.Join(errHeader, err)
	}
	size, sum := binary.BigEndian.Uint32(head[len(snapshotMagic):]), binary.BigEndian.Uint32(head[len(snapshotMagic)+4:])
	if size > maxHeader {
		return nil, fmt.Errorf("%w: %d bytes", errHeader, size)
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, errors.Join(errHeader, err)
	}
	var header snapshotHeader
	if checksum(body) != sum {
		return nil, fmt.Errorf("%w: wrong checksum", errHeader)
	}
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&header); err != nil {
		return nil, fmt.Errorf("%w: %w", errHeader, err)
	}
	_, err := table.ReadFrom(r)
	return header.Sources, err
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }
