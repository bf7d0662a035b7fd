package waf

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/inspect"
	"github.com/tocsin-project/tocsin/lookup"
)

// pack compresses a text.
func pack(encoding, text string) string {
	var b bytes.Buffer
	var w io.WriteCloser
	switch encoding {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "zlib":
		w = zlib.NewWriter(&b)
	default:
		w, _ = flate.NewWriter(&b, flate.DefaultCompression)
	}
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}

// stored returns the bytes in the form of gzip, but not compressed, so that a site which ignores
// the encoding finds them, too.
func stored(text string) string {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.NoCompression)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}

// encodingRules are rules that look at each zone of a body.
func encodingRules(t testing.TB) *Rules {
	return ownRules(t,
		"name: own/raw\nrules:\n- zones: [RAW_BODY]\n  match: {type: contains, value: rawevil}\n",
		"name: own/json\nrules:\n- zones: [BODY_ARGS]\n  variables: [json.a.b]\n  match: {type: contains, value: evil}\n",
		"name: own/name\nrules:\n- zones: [BODY_ARGS_NAMES]\n  match: {type: contains, value: evilname}\n",
		"name: own/file\nrules:\n- zones: [FILES]\n  transform: [lowercase]\n  match: {type: endsWith, value: .evil}\n",
		"name: own/any\nrules:\n- zones: [BODY_ARGS]\n  transform: [lowercase]\n  match: {type: regex, value: 'any.?evil'}\n")
}

// post asks about a body in an encoding, and checks that the site gets it byte for byte.
func post(t *testing.T, i *Inspector, contentType, encoding, body string) string {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	if encoding != "" {
		r.Header["Content-Encoding"] = strings.Split(encoding, "|")
	}
	v, err := i.Inspect(r, inspect.Details{Client: client})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Release()
	if got, err := io.ReadAll(r.Body); string(got) != body || err != nil {
		t.Errorf("the site gets %d bytes of %d, %v", len(got), len(body), err)
	}
	return said(v)
}

// What is compressed is inspected as the site reads it, by all rules.
func TestCompressedBodies(t *testing.T) {
	const jsonType, parts = "application/json", "multipart/form-data; boundary=b"
	const evil = "ban 403; own/certain in ARGS_POST.a alert"
	form := "x=1&a=evil"
	for _, row := range []struct{ name, contentType, encoding, body, want string }{
		{"a form in gzip", formType, "gzip", pack("gzip", form), evil},
		{"under its old name", formType, "x-gzip", pack("gzip", form), evil},
		{"in capitals", formType, "GZip", pack("gzip", form), evil},
		{"in zlib", formType, "deflate", pack("zlib", form), evil},
		{"in deflate without a header", formType, "deflate", pack("flate", form), evil},
		{"in zlib that says gzip", formType, "gzip", pack("zlib", form), evil},
		{"in gzip that says deflate", formType, "deflate", pack("gzip", form), evil},
		{"beside identity", formType, "identity, gzip", pack("gzip", form), evil},
		{"twice", formType, "deflate, gzip", pack("gzip", pack("zlib", form)), evil},
		{"twice in two headers", formType, "deflate|gzip", pack("gzip", pack("zlib", form)), evil},
		{"in two members", formType, "gzip", pack("gzip", "x=1&a=e") + pack("gzip", "vil"), evil},
		{"cut off", formType, "gzip", stored(form)[:len(stored(form))-6], evil},
		{"as it is, for a site that ignores the header", formType, "gzip", form, evil},
		{"as it is in the form of gzip", formType, "gzip", stored("x=1&a=evil&"), evil},
		{"an argument of JSON", jsonType, "gzip", pack("gzip", `{"a":{"b":"evil"}}`), "ban 403; own/json in ARGS_POST.json.a.b alert"},
		{"the name of an argument", formType, "gzip", pack("gzip", "x=1&evilname=2"), "ban 403; own/name in ARGS_POST_NAMES.evilname alert"},
		{"any argument", formType, "gzip", pack("gzip", "x=1&y=Any-Evil"), "ban 403; own/any in ARGS_POST.y alert"},
		{"an escaped argument", formType, "gzip", pack("gzip", "x=1&y=Any-%45vil"), "ban 403; own/any in ARGS_POST.y alert"},
		{"a file", parts, "gzip", pack("gzip", "--b\r\nContent-Disposition: form-data; name=f; filename=a.Evil\r\n\r\nx\r\n--b--"), "ban 403; own/file in FILES alert"},
		{"a body of another type", "text/plain", "gzip", pack("gzip", "some rawevil text"), "ban 403; own/raw in RAW_REQUEST_BODY alert"},
		{"what is honest", formType, "gzip", pack("gzip", "a=good&b=1"), "none 0"},
		{"what is honest and broken", formType, "gzip", pack("gzip", "a=good&b=1")[:20], "none 0"},
		{"what is compressed without saying so", "application/gzip", "", pack("gzip", form), "none 0"},
	} {
		if got := post(t, inspector(t, Config{Rules: encodingRules(t)}), row.contentType, row.encoding, row.body); got != row.want {
			t.Errorf("%s: %s, want %s", row.name, got, row.want)
		}
	}
}

// A body of JSON, a form or XML in an encoding that cannot be read meets a challenge at least.
// Other bodies get what BodyOver says.
func TestUnknownEncodings(t *testing.T) {
	for _, row := range []struct {
		name, contentType, encoding string
		over                        lookup.Action
		want                        string
	}{
		{"a form", formType, "br", lookup.None, "captcha 403"},
		{"a form with body_over ban", formType, "br", lookup.Ban, "ban 415"},
		{"JSON", "application/json", "zstd", lookup.None, "captcha 403"},
		{"JSON of an application", "application/vnd.api+json", "br", lookup.None, "captcha 403"},
		{"below gzip", "application/json", "br, gzip", lookup.None, "captcha 403"},
		{"three times gzip", "application/json", "gzip, gzip, gzip", lookup.None, "captcha 403"},
		{"metrics", "application/x-protobuf", "snappy", lookup.None, "none 0"},
		{"metrics with body_over captcha", "application/x-protobuf", "snappy", lookup.Captcha, "captcha 403"},
		{"JSON in the pieces of S3", "application/json", "aws-chunked", lookup.None, "none 0"},
	} {
		i := inspector(t, Config{BodyOver: row.over})
		body := pack("gzip", pack("gzip", pack("gzip", "x=1")))
		if got := post(t, i, row.contentType, row.encoding, body); got != row.want {
			t.Errorf("%s: %s, want %s", row.name, got, row.want)
		}
	}
}

// A body that decompresses to more than is inspected gets what BodyOver says, and costs no more
// than any other.
func TestBombs(t *testing.T) {
	zeros := strings.Repeat("\x00", 10<<20)
	twice := pack("gzip", pack("gzip", zeros))
	for _, row := range []struct {
		name, encoding, body string
		over                 lookup.Action
		want                 string
	}{
		{"a bomb", "gzip", pack("gzip", zeros), lookup.None, "none 0"},
		{"with body_over captcha", "gzip", pack("gzip", zeros), lookup.Captcha, "captcha 403"},
		{"with body_over ban", "gzip", pack("gzip", zeros), lookup.Ban, "ban 403"},
		{"a bomb in a bomb", "gzip, gzip", twice, lookup.Captcha, "captcha 403"},
		{"an attack before the limit", "gzip", pack("gzip", "x="+strings.Repeat("x", 120_000)+"&a=evil"), lookup.None, "ban 403; own/certain in ARGS_POST.a alert"},
		{"an attack behind the limit", "gzip", pack("gzip", "x="+strings.Repeat("x", 140_000)+"&a=evil"), lookup.None, "none 0"},
		{"an attack behind the limit, with body_over captcha", "gzip", pack("gzip", "x="+strings.Repeat("x", 140_000)+"&a=evil"), lookup.Captcha, "captcha 403"},
	} {
		if got := post(t, inspector(t, Config{BodyOver: row.over}), formType, row.encoding, row.body); got != row.want {
			t.Errorf("%s: %s, want %s", row.name, got, row.want)
		}
		in := ownRules(t).Head(&Request{Method: "POST", Target: "/", HasBody: true, Header: http.Header{"Content-Type": {"application/octet-stream"}, "Content-Encoding": {row.encoding}}})
		in.Body([]byte(row.body[:min(len(row.body), 131_072)]))
		if in.Work() > 2_600_000 || in.Costly() {
			t.Errorf("%s: %d units of work", row.name, in.Work())
		}
		in.Close()
		if cap(in.room.bytes) > 1<<20 {
			t.Errorf("%s: %d bytes are kept", row.name, cap(in.room.bytes))
		}
	}
}

// A compressed body leaves no garbage either.
func TestCompressedBodiesAllocateLittle(t *testing.T) {
	rules := languageRules(t)
	for _, s := range samples() {
		if s.body == "" || strings.HasPrefix(s.name, "upload") {
			continue
		}
		s.req.Header = s.req.Header.Clone()
		s.req.Header.Set("Content-Encoding", "gzip")
		body := []byte(pack("gzip", s.body))
		run := func() {
			in := rules.Head(&s.req)
			in.Body(body)
			if in.Over() {
				t.Fatalf("%s: it is not looked at as a whole", s.name)
			}
			in.Close()
		}
		run()
		if n := testing.AllocsPerRun(100, run); n > 2 && !raceEnabled {
			t.Errorf("%s: %v allocations", s.name, n)
		}
	}
}
