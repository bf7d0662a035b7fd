package waf

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

// FuzzTarget compares the forms of a target with those of package url.
func FuzzTarget(f *testing.F) {
	for _, s := range []string{"/", "/a%2Fb{?x=%zz", "//evil/x?", "/a?b?c", "http://h/a%20b?c", "*", "/%zz", "/a%", "?", "a", "/\u00e9|", "/;a=b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || strings.Contains(target, "#") {
			return
		}
		path, full := splitTarget(&room{}, []byte(target))
		if string(path) != u.Path || string(full) != u.String() {
			t.Errorf("%q is %q and %q, want %q and %q", target, path, full, u.Path, u.String())
		}
	})
}

// FuzzQuery compares arguments with those of package url, which takes fewer.
func FuzzQuery(f *testing.F) {
	for _, s := range []string{"a=1&b=%20+&a=2", "&&a", "=", "a==b", "%41=%zz", "a=1#b&c=2"} {
		f.Add(s)
	}
	rules := compiled(f, "name: all\nrules:\n- zones: [ARGS]\n  match: {type: regex, value: '^.*$'}\n")
	f.Fuzz(func(t *testing.T, query string) {
		want, err := url.ParseQuery(query)
		if err != nil || strings.Contains(query, "#") {
			return
		}
		in := rules.Head(&Request{Method: "GET", Target: "/?" + query})
		defer in.Close()
		got := url.Values{}
		for _, p := range in.values(zoneArgs) {
			got[string(p.name)] = append(got[string(p.name)], string(p.value))
		}
		for name := range got {
			if !slices.Equal(got[name], want[name]) {
				t.Errorf("%q: %s is %q, want %q", query, name, got[name], want[name])
			}
		}
		if len(got) != len(want) {
			t.Errorf("%q: %d names, want %d", query, len(got), len(want))
		}
	})
}

func TestTargetsWithAHash(t *testing.T) {
	rules := compiled(t, "name: all\nrules:\n- zones: [ARGS]\n  match: {type: regex, value: '^.*$'}\n")
	for _, row := range []struct {
		target            string
		paths, full, args []string
	}{
		{"/a#b", []string{"/a", "/a#b"}, []string{"/a", "/a%23b"}, nil},
		{"/a?x=1#2&y=3", []string{"/a", "/a"}, []string{"/a?x=1", "/a?x=1#2&y=3"}, []string{"x=1", "x=1#2", "y=3"}},
		{"/a#?x=1", []string{"/a", "/a#"}, []string{"/a", "/a%23?x=1"}, []string{"x=1"}},
	} {
		in := rules.Head(&Request{Method: "GET", Target: row.target})
		for _, z := range []struct {
			zone zone
			want []string
		}{{zoneURI, row.paths}, {zoneURIFull, row.full}, {zoneArgs, row.args}} {
			var got []string
			for _, p := range in.values(z.zone) {
				if s := string(p.value); len(p.name) > 0 {
					got = append(got, string(p.name)+"="+s)
				} else {
					got = append(got, s)
				}
			}
			if !slices.Equal(got, z.want) {
				t.Errorf("%s: %s is %q, want %q", row.target, zoneInfos[z.zone].name, got, z.want)
			}
		}
		in.Close()
	}
}
