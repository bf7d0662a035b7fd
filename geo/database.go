package geo

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/oschwald/maxminddb-golang/v2"
	"github.com/tocsin-project/tocsin/internal/follow"
)

var (
	errNotRegular = errors.New("not a regular file")
	errEmpty      = errors.New("empty file")
	errTooLarge   = errors.New("too large")
	errMoving     = errors.New("it changed while it was read")
	errNoPlaces   = errors.New("it has no countries and no autonomous systems (want a database such as GeoLite2-Country or GeoLite2-ASN)")
)

const (
	// maxSample limits the networks of a new database that are checked before it is
	// used, so that a malicious tree does not take forever.
	maxSample = 20_000
	// enoughKnown places in a sample show that the database is usable.
	enoughKnown = 1_000
)

// A content is the result of one read of a file.
type content struct {
	raw  []byte
	info fs.FileInfo // the same before and after the read
}

// read reads a file of up to max bytes.
func read(path string, maxBytes int64) (content, error) {
	// Without O_NONBLOCK, opening a named pipe would wait for its writer.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return content{}, err
	}
	defer func() { _ = file.Close() }() // only reads, so the error has no meaning
	info, err := file.Stat()
	switch {
	case err != nil:
		return content{}, err
	case !info.Mode().IsRegular():
		return content{}, errNotRegular
	case info.Size() == 0:
		return content{}, errEmpty
	case info.Size() > maxBytes:
		return content{}, fmt.Errorf("%w: %d bytes: want at most %d", errTooLarge, info.Size(), maxBytes)
	}
	raw := make([]byte, info.Size())
	if _, err := io.ReadFull(file, raw); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return content{}, errMoving
	} else if err != nil {
		return content{}, err
	}
	after, err := file.Stat()
	if err != nil {
		return content{}, err
	}
	if !follow.Same(info, after) {
		return content{}, errMoving
	}
	return content{raw, info}, nil
}

// A database is one file in memory.
type database struct {
	raw     []byte // the whole file
	reader  *maxminddb.Reader
	records *sync.Pool            // of records to decode into
	damage  atomic.Pointer[error] // the first error of a lookup
}

// open parses raw as a database and checks that it has places.
func open(raw []byte) (*database, error) {
	reader, err := maxminddb.OpenBytes(raw)
	if err != nil {
		return nil, err
	}
	db := &database{raw: raw, reader: reader, records: &sync.Pool{New: newNested}}
	err = db.sample()
	if _, mismatch := errors.AsType[maxminddb.UnmarshalTypeError](err); mismatch {
		db.records = &sync.Pool{New: newFlat}
		err = db.sample()
	}
	if err != nil {
		return nil, err
	}
	return db, nil
}

// sample checks the first networks of the database.
func (db *database) sample() error {
	looked, known := 0, 0
	// Each leaf of the tree counts, including those without data and those on several
	// paths: there may be 2^128 of them.
	every := []maxminddb.NetworksOption{maxminddb.IncludeNetworksWithoutData(), maxminddb.IncludeAliasedNetworks()}
	for result := range db.reader.Networks(every...) {
		country, as, err := db.decode(result)
		if err != nil {
			return err
		}
		if country != "" || as != 0 {
			known++
		}
		if looked++; looked == maxSample || known == enoughKnown {
			break
		}
	}
	if known == 0 {
		return fmt.Errorf("%w; its type is %.64q", errNoPlaces, db.reader.Metadata.DatabaseType)
	}
	return nil
}

// locate returns the place of ip in the database.
func (db *database) locate(ip netip.Addr) (country string, as uint32) {
	if db.reader.Metadata.IPVersion == 4 && ip.Is6() {
		return "", 0
	}
	country, as, err := db.decode(db.reader.Lookup(ip))
	if err != nil {
		// Fail open: an unknown place has no decisions. The status shows the damage
		// from the next check on.
		first := err // a separate variable, because it escapes to the heap
		db.damage.CompareAndSwap(nil, &first)
		return "", 0
	}
	return country, as
}

// systemName returns the name of the autonomous system of ip in the database.
func (db *database) systemName(ip netip.Addr) string {
	if db.reader.Metadata.IPVersion == 4 && ip.Is6() {
		return ""
	}
	var r organization
	if db.reader.Lookup(ip).Decode(&r) != nil {
		return "" // Locate records the damage
	}
	return cmp.Or(r.Organization, r.ASName, r.Name)
}

// decode reads the place of a record. The library limits the work for a malicious
// record.
func (db *database) decode(result maxminddb.Result) (country string, as uint32, err error) {
	if !result.Found() {
		return "", 0, result.Err()
	}
	r := db.records.Get().(record)
	r.reset()
	if err = result.Decode(r); err == nil {
		country, as = r.place()
	}
	db.records.Put(r)
	return country, as, err
}
