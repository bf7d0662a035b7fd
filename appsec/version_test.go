package appsec

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/inspect"
	"github.com/tocsin-project/tocsin/internal/appsectest"
	"github.com/tocsin-project/tocsin/lookup"
)

// Rules that do not know HTTP/3 ban no browser, unless max_http_version is 3.
func TestBrowsersOverHTTP3AreNotBanned(t *testing.T) {
	for _, row := range []struct {
		name  string
		most  HTTPVersion
		major int
		want  lookup.Action
		told  string
	}{
		{"by default", 0, 3, lookup.None, "20"},
		{"by default, over HTTP/2", 0, 2, lookup.None, "20"},
		{"by default, over HTTP/1.1", 0, 1, lookup.None, "11"},
		{"as what it is", HTTP3, 3, lookup.Ban, "30"},
		{"at most as HTTP/1.1", HTTP11, 3, lookup.None, "11"},
	} {
		f := newFake(t, nil)
		f.Run(appsectest.Runner{NoHTTP3: true})
		c := f.client(t, Config{MaxHTTPVersion: row.most})
		r := httptest.NewRequest("GET", "/", nil)
		if r.ProtoMajor, r.ProtoMinor = row.major, 0; row.major == 1 {
			r.ProtoMinor = 1
		}
		v := judge(t, c, r, inspect.Details{Client: visitor})
		if told := f.Last(t, 1).Header.Get(protoHeader); v.Action != row.want || told != row.told {
			t.Errorf("%s: %+v, told %s", row.name, v, told)
		}
	}
}

func TestCheckVersions(t *testing.T) {
	for _, row := range []struct {
		name string
		run  appsectest.Runner
		most HTTPVersion
		want string // part of the error; "": no error
	}{
		{"rules that know no HTTP/3, and are told of it", appsectest.Runner{NoHTTP3: true}, HTTP3, "AppSec refuses every request of HTTP/3"},
		{"rules that know no HTTP/3, by default", appsectest.Runner{NoHTTP3: true}, 0, ""},
		{"rules that know it", appsectest.Runner{}, HTTP3, ""},
		{"HTTP/1.1 only", appsectest.Runner{NoHTTP3: true}, HTTP11, ""},
	} {
		f := newFake(t, nil)
		f.Run(row.run)
		err := f.client(t, Config{MaxHTTPVersion: row.most}).CheckVersions()
		if (err == nil) != (row.want == "") || err != nil && !strings.HasPrefix(err.Error(), row.want) {
			t.Errorf("%s: %v", row.name, err)
		}
	}
	f := answering(t, 403, plainBan)
	if err := f.client(t, Config{MaxHTTPVersion: HTTP3}).CheckVersions(); err != nil {
		t.Errorf("an AppSec that refuses everything: %v", err)
	}
	f.Close()
	if err := f.client(t, Config{MaxHTTPVersion: HTTP3}).CheckVersions(); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("one that is not there: %v", err)
	}
}
