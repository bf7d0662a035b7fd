package replay

import (
	"errors"
	"strconv"
	"strings"
)

// Why a line tells of no request.
var (
	errNoLog     = errors.New("no line of an access log")
	errForeign   = errors.New("of another log than that of requests")
	errNoTime    = errors.New("no time that can be read")
	errNoClient  = errors.New("no address of a client")
	errNoRequest = errors.New("no request")
	errNoStatus  = errors.New("no status")
	errLong      = errors.New("longer than 64 KiB")
)

// parse reads a line into e. What it takes for what depends on the line alone, so
// a file may have lines of several kinds.
func (s *source) parse(line string, e *Entry) error {
	var err error
	if strings.HasPrefix(line, "{") {
		err = s.parseJSON(line, e)
	} else {
		err = parseCombined(line, e)
	}
	if err == nil && e.Method == "" && e.Event.Line == "" {
		err = errNoRequest
	}
	return err
}

// parseSize returns how many bytes s says; 0 if that cannot be told.
func parseSize(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}
