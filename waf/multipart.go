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
		in.spend(costOfPart)
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
	name := in.room.keep(part.FormName())
	if file := fileName(part); file != "" {
		in.add(zoneFiles, nil, in.room.keep(file))
		in.add(zoneFilesNames, nil, name)
		return in.readFile(part, file)
	}
	value, err := in.room.readAll(part)
	if odd := oddFileName(part); odd != "" && len(in.watches) > 0 {
		in.fileHeads = append(in.fileHeads, pair{name: in.room.keep(odd), value: value[:min(len(value), maxFileHead)]})
	}
	in.add(zoneBodyArgs, name, value)
	return int64(len(value)), err
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

// fileName returns the name of the file that a part is, with the folders in it; empty if
// it is none, or if nobody can tell.
func fileName(part *multipart.Part) string {
	_, params, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
	if err != nil {
		return ""
	}
	return params["filename"]
}

// oddFileName returns what says how a file is called that nobody can tell the name of, such
// as two names: some applications take one of them.
func oddFileName(part *multipart.Part) string {
	disposition := part.Header.Get("Content-Disposition")
	if _, _, err := mime.ParseMediaType(disposition); err == nil {
		return ""
	}
	at := strings.Index(strings.ToLower(disposition), "filename")
	if at < 0 {
		return ""
	}
	return disposition[at:]
}
