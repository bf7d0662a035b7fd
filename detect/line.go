package detect

import (
	"fmt"
	"strings"
	"time"
)

// An exprLine is what expressions know as evt.Line: in CrowdSec the line of a log
// that the event was read from. There is none here, so Raw is the line that
// nginx would have written of the request, in the combined format and with its
// escapes, without the user and the size, which are not known:
//
//	192.0.2.1 - - [28/Nov/2026:20:15:00 +0000] "GET /x?y HTTP/1.1" 404 - "https://a/" "Mozilla"
//
// Time is the event's. Src and Module are empty, and so is Labels: the event came
// out of no file.
type exprLine struct {
	Raw, Src, Module string
	Time             time.Time
	Labels           map[string]string
}

// lineKeys are the fields of an exprLine, and what they depend on.
var lineKeys = map[string]fieldSet{
	"Raw": fieldSourceIP.set() | fieldVerb.set() | fieldPath.set() | fieldVersion.set() | fieldStatus.set() |
		fieldReferer.set() | fieldAgent.set() | fieldLine.set(),
	"Src": 0, "Module": 0, "Time": 0, "Labels": 0,
}

// withLine returns e with its line.
func (e *exprEvent) withLine() *exprEvent {
	if e.Line.Raw == "" {
		e.Line = exprLine{Raw: e.view.rawLine(), Time: e.view.evt.Time}
	}
	return e
}

// rawLine writes the event as nginx would.
func (v *view) rawLine() string {
	request := clip(v.evt.Line)
	if request == "" {
		request = v.evt.Method + " " + v.target + " " + clip(v.evt.Proto)
	}
	status, _ := v.status()
	return fmt.Sprintf("%s - - [%s] \"%s\" %s - \"%s\" \"%s\"", v.evt.Client, v.evt.Time.UTC().Format("02/Jan/2006:15:04:05 -0700"),
		escapeLog(clip(request)), status, escapeLog(orDash(clip(v.evt.Referer))), escapeLog(orDash(clip(v.evt.UserAgent))))
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// escapeLog escapes what could be taken for the end of a field or of the line, and
// what is not ASCII, as nginx does.
func escapeLog(s string) string {
	plain := func(c rune) bool { return c >= ' ' && c < 0x7f && c != '"' && c != '\\' }
	if strings.IndexFunc(s, func(c rune) bool { return !plain(c) }) < 0 {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; plain(rune(c)) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "\\x%02X", c)
		}
	}
	return b.String()
}

// lineText is a text of evt.Line; nil if it is none.
func (c *compiler) lineText(key string) *text {
	switch key {
	case "Src", "Module":
		return fixedText("")
	case "Raw":
		return c.shareText(&text{eval: (*view).rawLine, key: "Line.Raw", deps: lineKeys[key], cost: costTransform}, true)
	}
	return nil
}
