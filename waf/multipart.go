package waf

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"strconv"
	"strings"
)

// readMultipart adds the fields of a multipart body, and the names of its files. What came
// before an error counts.
func (in *Inspection) readMultipart(contentType string, body []byte) {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return
	}
	in.readParts(params["boundary"], body)
}

// readParts adds the parts that a boundary divides a body into.
func (in *Inspection) readParts(boundary string, body []byte) {
	r := multipart.NewReader(bytes.NewReader(body), boundary)
	total := int64(0)
	for range maxParts {
		if in.spend(costOfPart); in.isSpent() {
			return
		}
		part, err := r.NextPart()
		if err != nil {
			return
		}
		size, err := in.readPart(part)
		total += size
		in.zones[zoneFilesSize].values = in.zones[zoneFilesSize].values[:0]
		in.add(zoneFilesSize, nil, in.room.keep(strconv.FormatInt(total, 10)))
		if err != nil {
			return
		}
	}
	if _, err := r.NextPart(); err == nil {
		in.over, in.padded = true, true
	}
}

// readPart adds a field, or the name of a file, and returns how large it is.
func (in *Inspection) readPart(part *multipart.Part) (int64, error) {
	d := dispositionOf(part)
	name := in.room.keep(d.name)
	if d.file != "" {
		in.add(zoneFiles, nil, in.room.keep(d.file))
		in.add(zoneFilesNames, nil, name)
		return in.readFile(part, d.file)
	}
	value, err := in.room.readAll(part)
	if d.odd != "" && len(in.watches) > 0 {
		in.fileHeads = append(in.fileHeads, pair{name: in.room.keep(d.odd), value: value[:min(len(value), maxFileHead)]})
	}
	in.add(zoneBodyArgs, name, value)
	in.readNested(part, value, 0)
	return int64(len(value)), err
}

// maxNested is how deep parts of parts are read.
const maxNested = 3

// readNested keeps the parts of a part for detectors.
func (in *Inspection) readNested(part *multipart.Part, body []byte, depth int) {
	kind := part.Header.Get("Content-Type")
	if depth == maxNested || len(in.watches) == 0 || !strings.HasPrefix(strings.ToLower(kind), "multipart/") {
		return
	}
	_, params, err := mime.ParseMediaType(kind)
	if err != nil {
		return
	}
	r := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for range maxParts {
		if in.spend(costOfPart); in.isSpent() {
			return
		}
		inner, err := r.NextPart()
		if err != nil {
			return
		}
		d := dispositionOf(inner)
		value, _ := in.room.readAll(inner) // what came before an error counts
		if file := d.file + d.odd; file != "" {
			in.fileHeads = append(in.fileHeads, pair{name: in.room.keep(file), value: value[:min(len(value), maxFileHead)]})
		} else {
			in.hide(in.room.keep(d.name), value)
		}
		in.readNested(inner, value, depth+1)
	}
}

// maxFileHead is how much of a file detectors are shown.
const maxFileHead = 2 << 10

// readFile keeps the beginning of a file for detectors, and returns how large it is.
func (in *Inspection) readFile(part *multipart.Part, name string) (int64, error) {
	if len(in.watches) == 0 {
		return io.Copy(io.Discard, part)
	}
	head, err := in.room.readAll(io.LimitReader(part, maxFileHead))
	in.fileHeads = append(in.fileHeads, pair{name: in.room.keep(name), value: head})
	if err != nil {
		return int64(len(head)), err
	}
	n, err := io.Copy(io.Discard, part)
	return n + int64(len(head)), err
}

// A disposition says what a part is.
type disposition struct {
	name string // of the field
	file string // the name of the file, with the folders in it; empty for a field
	odd  string // the text with the name of a file if that is ambiguous, such as two names: some applications take one of them
}

func dispositionOf(part *multipart.Part) disposition {
	text := part.Header.Get("Content-Disposition")
	kind, params, err := mime.ParseMediaType(text)
	if err != nil {
		at := strings.Index(strings.ToLower(text), "filename")
		if at < 0 {
			return disposition{}
		}
		return disposition{odd: text[at:]}
	}
	d := disposition{file: params["filename"]}
	if kind == "form-data" {
		d.name = params["name"]
	}
	return d
}
