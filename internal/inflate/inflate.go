// Package inflate decompresses bodies in the encodings gzip and deflate, and counts what that
// costs.
//
// A stream can be made to cost hundreds of times as much as an ordinary one of its length: each
// block may begin with two tables. The packages of the standard library cannot say how many
// there were, and they allocate memory for each. A [Decoder] stops at a limit of work, keeps its
// memory, and reads what others call broken as far as it goes. It checks no checksums: a server
// that does refuses the body anyway.
package inflate

import "encoding/binary"

// An End says why a stream ended.
type End uint8

// The ends of a stream.
const (
	Done   End = iota
	Broken     // it is invalid from here on, or incomplete
	Cut        // there is more, beyond the limits
)

// Limits bound what a stream may cost.
type Limits struct {
	Bytes int // that it decompresses to
	Work  int // units of work, about two of which take one nanosecond
}

// A Decoder decompresses one stream after the other. Only one goroutine uses it.
type Decoder struct {
	bitReader
	out       []byte
	start     int    // of the stream in out
	end       int    // that out may reach
	work      int    // units that are left
	symbols   *table // of the block
	distances *table
	own       [2]table // of blocks with tables of their own
	lengths   [maxSymbols + maxDistances]uint8
}

// begin prepares for a stream.
func (d *Decoder) begin(to, s []byte, l *Limits) {
	d.bitReader = bitReader{s: s}
	d.out, d.start, d.end, d.work = to, len(to), len(to)+l.Bytes, l.Work
}

// finish takes what a stream has cost from l, and returns what it decompressed to.
func (d *Decoder) finish(l *Limits) []byte {
	out := d.out
	l.Bytes, l.Work = max(0, d.end-len(out)), max(0, d.work)
	d.out, d.s = nil, nil
	return out
}

// Gzip appends what a body in gzip decompresses to. It takes the cost from l.
func (d *Decoder) Gzip(to, s []byte, l *Limits) ([]byte, End) {
	for {
		size := gzipHeader(s)
		if size < 0 {
			return to, Broken
		}
		d.begin(to, s[size:], l)
		end := d.stream()
		rest := d.rest()
		to = d.finish(l)
		if end != Done || len(rest) < gzipTrailer {
			return to, max(end, endOf(len(rest) >= gzipTrailer))
		}
		if s = rest[gzipTrailer:]; !IsGzip(s) {
			return to, Done // servers ignore what is not another member
		}
	}
}

func endOf(complete bool) End {
	if complete {
		return Done
	}
	return Broken
}

// Zlib appends what a body in zlib decompresses to, which HTTP calls deflate. It takes the cost
// from l.
func (d *Decoder) Zlib(to, s []byte, l *Limits) ([]byte, End) {
	if !IsZlib(s) {
		return to, Broken
	}
	return d.Raw(to, s[2:], l)
}

// Raw appends what a body without any header decompresses to, which some clients send for
// deflate. It takes the cost from l.
func (d *Decoder) Raw(to, s []byte, l *Limits) ([]byte, End) {
	d.begin(to, s, l)
	end := d.stream()
	return d.finish(l), end
}

// The parts of a gzip header.
const (
	gzipHead    = 10
	gzipTrailer = 8

	hasChecksum = 1 << 1
	hasExtra    = 1 << 2
	hasName     = 1 << 3
	hasComment  = 1 << 4
)

// IsGzip reports whether s begins as gzip does.
func IsGzip(s []byte) bool { return len(s) > 2 && s[0] == 0x1f && s[1] == 0x8b && s[2] == 8 }

// IsZlib reports whether s begins as zlib does, without a dictionary.
func IsZlib(s []byte) bool {
	return len(s) > 2 && s[0]&0x0f == 8 && s[0]>>4 < 8 && (int(s[0])<<8|int(s[1]))%31 == 0 && s[1]&0x20 == 0
}

// gzipHeader returns how long the header of a member is, or -1 if there is no whole one.
func gzipHeader(s []byte) int {
	if len(s) < gzipHead || !IsGzip(s) {
		return -1
	}
	flags, at := s[3], gzipHead
	if flags&hasExtra != 0 {
		if len(s) < at+2 {
			return -1
		}
		at += 2 + int(binary.LittleEndian.Uint16(s[at:]))
	}
	for _, text := range []byte{hasName, hasComment} {
		if flags&text == 0 {
			continue
		}
		for at < len(s) && s[at] != 0 {
			at++
		}
		at++
	}
	if flags&hasChecksum != 0 {
		at += 2
	}
	if at > len(s) {
		return -1
	}
	return at
}
