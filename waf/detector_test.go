package waf

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"testing/fstest"
)

// A recorder is a detector that finds the text bad, and says what it was shown.
type recorder struct{ shown *[]string }

type recorderWatch struct {
	recorder
	found []Finding
}

func (r recorder) Rules() []Rule {
	return []Rule{{Name: "own/none"}, {Name: "own/bad", Confidence: Likely}}
}
func (r recorder) Watch() Watch { return &recorderWatch{recorder: r} }

func (w *recorderWatch) Look(p Part, name, value []byte) {
	*w.shown = append(*w.shown, fmt.Sprintf("%d %s=%s", p, name, value))
	if string(value) == "bad" {
		w.found = append(w.found, Finding{Rule: 1, Part: p, Name: string(name)})
	}
}
func (w *recorderWatch) Findings() []Finding { return w.found }
func (w *recorderWatch) Over() bool          { return false }
func (w *recorderWatch) Work() int           { return 0 }
func (w *recorderWatch) Allow(int)           {}
func (w *recorderWatch) Reset()              { w.found = nil }

// A detector is shown all values of a request, those of bodies that only some applications
// read, too, and what it finds is a match.
func TestDetectors(t *testing.T) {
	var shown []string
	set := Set{Name: "own", Files: fstest.MapFS{}, Detector: recorder{&shown}}
	rules, err := Load(LoadConfig{Sets: []Set{set}})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name, target, header, contentType, body string
		shown                                   []string
		zone                                    string
	}{
		{"a query", "/a%20b?c=bad&d=%41", "", "", "", []string{"0 =/a%20b", "1 c=bad", "1 d=A", "3 Host=h"}, "ARGS_GET.c"},
		{"a header", "/", "bad", "", "", []string{"0 =/", "3 X-Own=bad", "3 Host=h"}, "REQUEST_HEADERS.X-Own"},
		{"a form", "/", "", "application/x-www-form-urlencoded", "a=b&c=bad", []string{"0 =/", "3 Content-Type=application/x-www-form-urlencoded", "3 Host=h", "4 a=b", "4 c=bad"}, "ARGS_POST.c"},
		{"JSON", "/", "", "application/json", `{"a":"bad"}`, []string{"0 =/", "3 Content-Type=application/json", "3 Host=h", "4 json.a=bad"}, "ARGS_POST.json.a"},
		{"two values of one name in JSON", "/", "", "application/json", `{"a":"bad","a":"good"}`, []string{"0 =/", "3 Content-Type=application/json", "3 Host=h", "4 json.a=good", "4 json.a=bad"}, "ARGS_POST.json.a"},
		{"JSON of another type", "/", "", "text/plain", `{"a":"bad"}`, []string{"0 =/", "3 Content-Type=text/plain", "3 Host=h", "4 json.a=bad", `6 ={"a":"bad"}`}, "ARGS_POST.json.a"},
		{"what is nearly JSON", "/", "", "application/json", `{"a":"bad",}`, []string{"0 =/", "3 Content-Type=application/json", "3 Host=h", "4 =a", "4 =bad", `6 ={"a":"bad",}`}, "ARGS_POST."},
		{"a form of another type", "/", "", "text/plain", `a=bad`, []string{"0 =/", "3 Content-Type=text/plain", "3 Host=h", "4 a=bad", "6 =a=bad"}, "ARGS_POST.a"},
		{
			"an upload", "/", "", "multipart/form-data; boundary=b",
			"--b\r\nContent-Disposition: form-data; name=f; filename=a\r\n\r\nbad\r\n--b\r\nContent-Disposition: form-data; name=f; filename=c; filename=d\r\n\r\ne\r\n--b--",
			[]string{"0 =/", "3 Content-Type=multipart/form-data; boundary=b", "3 Host=h", "4 =e", "4 f=", "5 =a", "6 a=bad", "5 =filename=c; filename=d", "6 filename=c; filename=d=e"},
			"RAW_REQUEST_BODY",
		},
		{
			"parts of a part", "/", "", "multipart/form-data; boundary=b",
			"--b\r\nContent-Disposition: form-data; name=f\r\nContent-Type: Multipart/mixed; boundary=c\r\n\r\n--c\r\nContent-Disposition: form-data; name=g\r\n\r\nbad\r\n--c\r\nContent-Disposition: attachment; filename=d\r\n\r\ne\r\n--c--\r\n--b--",
			[]string{
				"0 =/", "3 Content-Type=multipart/form-data; boundary=b", "3 Host=h",
				"4 f=--c\r\nContent-Disposition: form-data; name=g\r\n\r\nbad\r\n--c\r\nContent-Disposition: attachment; filename=d\r\n\r\ne\r\n--c--", "4 g=bad", "5 =d", "6 d=e",
			},
			"ARGS_POST.g",
		},
		{"octets", "/", "", "application/octet-stream", "bad", []string{"0 =/", "3 Content-Type=application/octet-stream", "3 Host=h", "6 =bad"}, "RAW_REQUEST_BODY"},
	} {
		t.Run(row.name, func(t *testing.T) {
			shown = nil
			req := Request{Method: "POST", Target: row.target, Proto: "HTTP/1.1", Host: "h", Header: http.Header{}, HasBody: row.body != ""}
			if row.header != "" {
				req.Header.Set("X-Own", row.header)
			}
			if row.contentType != "" {
				req.Header.Set("Content-Type", row.contentType)
			}
			in := rules.Head(&req)
			if in.NeedsBody() {
				in.Body([]byte(row.body))
			}
			defer in.Close()
			if !slices.Equal(shown, row.shown) {
				t.Errorf("shown %q, want %q", shown, row.shown)
			}
			m := in.Matches()
			if len(m) != 1 || m[0].Rule.Name != "own/bad" || m[0].Rule.Confidence != Likely || m[0].Zones[0] != row.zone {
				t.Errorf("%+v, want own/bad in %s", m, row.zone)
			}
		})
	}
}
