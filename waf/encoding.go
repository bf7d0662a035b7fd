package waf

import (
	"slices"
	"strings"

	"github.com/tocsin-project/tocsin/internal/inflate"
)

const (
	// maxInflating bounds the work to decompress a body: enough for most texts of 128 KiB.
	maxInflating = 1_000_000
	// maxEncodings is how many encodings of one body are undone.
	maxEncodings = 2
)

// readInflated adds the values of a body that its Content-Encoding says to be compressed, beside
// those that it has as it is: a site may ignore the header.
func (in *Inspection) readInflated(how reader, body []byte) {
	headers := in.req.Header["Content-Encoding"]
	if len(headers) == 0 || len(body) == 0 {
		return
	}
	if !in.inflate(body, encodingsOf(headers)) {
		in.encoded, in.over = how > readRaw || namesText(in.req.Header["Content-Type"]), true
	}
	if len(in.inflated) == 0 {
		return
	}
	in.length = max(in.length, len(in.inflated))
	in.spend(len(in.inflated) * costOfReading)
	in.readBody(how, in.inflated)
}

// namesText reports whether a Content-Type says that a body is JSON or XML of some kind.
func namesText(types []string) bool {
	return slices.ContainsFunc(types, func(t string) bool {
		t = strings.ToLower(t)
		return strings.Contains(t, "json") || strings.Contains(t, "xml")
	})
}

// encodingsOf returns the encodings of a body in the order in which they were applied, but for
// those that leave the text as it is.
func encodingsOf(headers []string) (all []string) {
	for _, h := range headers {
		for name := range strings.SplitSeq(h, ",") {
			name = strings.ToLower(strings.TrimSpace(name))
			if !slices.Contains([]string{"", "identity", "aws-chunked"}, name) {
				all = append(all, name)
			}
		}
	}
	return all
}

// inflate undoes the encodings of a body, the last one first, and reports whether all are known.
// The beginning counts of what is broken or beyond the limits.
func (in *Inspection) inflate(body []byte, encodings []string) (known bool) {
	limits := inflate.Limits{Bytes: min(in.limit, keptBytes), Work: max(0, min(maxInflating, in.total()-in.Work()-workOfReading))}
	before := limits.Work
	defer func() { in.spend(before - limits.Work) }()
	for n, name := range slices.Backward(encodings) {
		if !slices.Contains([]string{"gzip", "x-gzip", "deflate"}, name) || len(encodings)-n > maxEncodings {
			in.inflated = nil
			return false
		}
		body = in.inflateOne(body, name, &limits)
		in.inflated = body
	}
	return true
}

// inflateOne decompresses a body by its first bytes, as the libraries of most sites do. What a
// body in deflate is without a header counts, too.
func (in *Inspection) inflateOne(body []byte, encoding string, limits *inflate.Limits) []byte {
	start := len(in.room.bytes)
	add := func(unpack func(to, s []byte, l *inflate.Limits) ([]byte, inflate.End)) {
		var end inflate.End
		in.room.bytes, end = unpack(in.room.bytes, body, limits)
		in.over = in.over || end == inflate.Cut
	}
	switch {
	case inflate.IsGzip(body):
		add(in.decoder.Gzip)
	case inflate.IsZlib(body):
		add(in.decoder.Zlib)
	}
	if encoding == "deflate" {
		add(in.decoder.Raw)
	}
	return in.room.since(start)
}
