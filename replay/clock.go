package replay

import (
	"strconv"
	"strings"
	"time"
)

// Times that a detector can count with, which has nanoseconds since 1970 in 64
// bits: up to the year 2242.
const maxSeconds = 1 << 33

// relative is when a recording began that only says how long after its beginning
// something happened.
var relative = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// maxRelative is how many seconds after its beginning a recording may go on, a
// year. What is more is a time since 1970.
const maxRelative = 366 * 24 * 60 * 60

// layouts are those of times that Caddy can be told to log, beside numbers. What
// has no zone is UTC, as Caddy has it by default.
var layouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006/01/02 15:04:05.999999999", commonLayout,
}

const commonLayout = "02/Jan/2006:15:04:05 -0700"

// parseTime reads the time of a line of Caddy's log.
func parseTime(v scalar) (time.Time, bool) {
	if at, ok := parseSeconds(v.text); ok {
		return at, true
	}
	if n, err := strconv.ParseFloat(v.text, 64); err == nil {
		return timeOf(n)
	}
	for _, layout := range layouts {
		if at, err := time.Parse(layout, v.text); err == nil {
			return at.UTC(), at.Unix() >= 0 && at.Unix() < maxSeconds
		}
	}
	return time.Time{}, false
}

// parseSeconds reads a time as Caddy writes it by default: ten digits, a point, and
// up to nine digits. A number of floating point could not hold them all.
func parseSeconds(s string) (time.Time, bool) {
	const whole = 10
	if len(s) < whole || len(s) > whole+10 || len(s) > whole && s[whole] != '.' {
		return time.Time{}, false
	}
	n := digits{text: s, ok: true}
	seconds, nanos := n.at(0, whole, maxSeconds), 0
	if len(s) > whole+1 {
		fraction := len(s) - whole - 1
		nanos = n.at(whole+1, fraction, 1e9)
		for range 9 - fraction {
			nanos *= 10
		}
	}
	return time.Unix(int64(seconds), int64(nanos)).UTC(), n.ok && seconds < maxSeconds
}

// timeOf returns the time that is n seconds, milliseconds or nanoseconds after the
// beginning of 1970. Which of them is plain from how many they are.
func timeOf(n float64) (time.Time, bool) {
	switch {
	case n >= 1e17:
		n /= 1e9
	case n >= 1e11:
		n /= 1e3
	}
	if !(n >= 0 && n < maxSeconds) { // nor what is no number
		return time.Time{}, false
	}
	whole := int64(n)
	// A number of that size has a quarter of a microsecond, at best.
	micros := int64((n-float64(whole))*1e6 + 0.5)
	return time.Unix(whole, micros*1000).UTC(), true
}

// parseDuration reads how long a request took; 0 if that cannot be told. A number
// with a fraction is seconds. One without is what Caddy was told to log: seconds
// only if it is none, milliseconds or, if it is large, nanoseconds.
func parseDuration(v scalar) time.Duration {
	const longest = 7 * 24 * time.Hour
	var d time.Duration
	switch n, err := strconv.ParseFloat(v.text, 64); {
	case err != nil:
		d, err = time.ParseDuration(v.text)
		if err != nil {
			return 0
		}
	case strings.ContainsAny(v.text, ".eE"):
		d = time.Duration(min(n, longest.Seconds()) * float64(time.Second))
	case n >= 100_000:
		d = time.Duration(min(n, float64(longest)))
	default:
		d = time.Duration(n) * time.Millisecond
	}
	if d < 0 || d > longest {
		return 0
	}
	return d
}

// parseCommonTime reads a time as common logs have it, such as
// 10/Oct/2026:13:55:36 +0200: as time.Parse, in a fifth of its time.
func parseCommonTime(s string) (time.Time, bool) {
	if len(s) != len(commonLayout) {
		return time.Time{}, false
	}
	n := digits{text: s, ok: s[20] == ' '}
	for i, c := range []byte("  /   /    :  :  :  ") {
		n.ok = n.ok && (c == ' ' || c == s[i])
	}
	day, year := n.at(0, 2, 31), n.at(7, 4, 9999)
	hour, minute, second := n.at(12, 2, 23), n.at(15, 2, 59), n.at(18, 2, 60)
	zone := time.Duration(n.at(22, 2, 23))*time.Hour + time.Duration(n.at(24, 2, 59))*time.Minute
	month := strings.Index("JanFebMarAprMayJunJulAugSepOctNovDec", s[3:6])
	if !n.ok || month < 0 || month%3 != 0 || s[21] != '+' && s[21] != '-' {
		return time.Time{}, false
	}
	if s[21] == '+' {
		zone = -zone
	}
	at := time.Date(year, time.Month(month/3+1), day, hour, minute, second, 0, time.UTC)
	if at.Day() != day {
		return time.Time{}, false // such as 31 February
	}
	at = at.Add(zone)
	return at, at.Unix() >= 0 && at.Unix() < maxSeconds
}

// digits reads numbers of a fixed length.
type digits struct {
	text string
	ok   bool
}

func (d *digits) at(begin, length, atMost int) int {
	n := 0
	for _, c := range []byte(d.text[begin : begin+length]) {
		d.ok = d.ok && '0' <= c && c <= '9'
		n = 10*n + int(c) - '0'
	}
	d.ok = d.ok && n <= atMost
	return n
}
