package detect

import (
	"fmt"
	"strings"
	"time"
)

// An exprLine is evt.Line in expressions: in CrowdSec, the log line that the event was read
// from. Here there is no log, so Raw is the line that nginx would write for the request, in
// the combined format and with its escapes, but without the user and the size, which are
// unknown:
//
//	192.0.2.1 - - [28/Nov/2026:20:15:00 +0000] "GET /x?y HTTP/1.1" 404 - "https://a/" "Mozilla"
//
// Time is the event's time. Src, Module and Labels are empty, because the event does not
// come from a file.
type exprLine struct {
	Raw, Src, Module string
	Time             time.Time
	Labels           map[string]string
}

// lineKeys are the fields of an exprLine, and the event fields they depend on.
var lineKeys = map[string]fieldSet{
	"Raw": fieldSourceIP.set() | fieldVerb.set() | fieldPath.set() | fieldVersion.set() | fieldStatus.set() |
		fieldReferer.set() | fieldAgent.set() | fieldLine.set(),
	"Src": 0, "Module": 0, "Time": 0, "Labels": 0,
}

// withLine returns e with evt.Line set.
func (e *exprEvent) withLine() *exprEvent {
	if e.Line.Raw == "" {
		e.Line = exprLine{Raw: e.view.rawLine(), Time: e.view.evt.Time}
	}
	return e
}

// rawLine returns the log line that nginx would write for the event.
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

// escapeLog escapes characters that could end a field or the line, and all that are not
// ASCII, as nginx does.
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

// lineText returns the text for a field of evt.Line, or nil if it is not a text.
func (c *compiler) lineText(key string) *text {
	switch key {
	case "Src", "Module":
		return fixedText("")
	case "Raw":
		return c.shareText(&text{eval: (*view).rawLine, key: "Line.Raw", deps: lineKeys[key], cost: costTransform}, true)
	}
	return nil
}
