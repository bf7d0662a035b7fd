package replay

import (
	"errors"
	"strconv"
	"strings"
)

// The reasons why a line contains no request.
var (
	errNoLog     = errors.New("no line of an access log")
	errForeign   = errors.New("of another log than that of requests")
	errNoTime    = errors.New("no time that can be read")
	errNoClient  = errors.New("no address of a client")
	errNoRequest = errors.New("no request")
	errNoStatus  = errors.New("no status")
	errLong      = errors.New("longer than 64 KiB")
)

// parse reads a line into e. The format is detected for each line, so a file may mix
// several.
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

// parseSize returns the number of bytes in s, or 0 if it is not a number.
func parseSize(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}
