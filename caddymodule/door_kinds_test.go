package caddymodule

import (
	"errors"
	"maps"
	"net"
	"net/http/fcgi"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// overFastCGI has the application answer PHP's protocol, too, and returns the address.
func (c *frontController) overFastCGI(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- fcgi.Serve(l, c) }()
	t.Cleanup(func() {
		l.Close()
		if err := <-served; !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// write writes files into DIR/www.
func (d *doorway) write(files map[string]string) {
	d.t.Helper()
	for name, text := range files {
		path := filepath.Join(d.dir, "www", name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			d.t.Fatal(err)
		}
	}
}

// scriptTries returns what php_fastcgi takes for other than it is spelled: it looks for
// files, for scripts in the midst of a path, and has one script answer all else.
func scriptTries() []try {
	return []try{
		{name: "a script behind robots.txt", target: "/robots.txt/index.php"},
		{name: "robots.txt behind a script", target: "/index.php/robots.txt"},
		{name: "a script in well-known", target: "/.well-known/index.php"},
		{name: "a script in well-known that there is not", target: "/.well-known/x.php"},
		{name: "a path behind a script in well-known", target: "/.well-known/x.php/wp-json/"},
		{name: "a script by another ending", target: "/robots.txt.php"},
		{name: "a script behind a zero", target: "/robots.txt%00.php"},
		{name: "a script behind an encoded slash", target: "/robots.txt%2findex.php"},
		{name: "a script in capitals", target: "/.well-known/X.PHP/"},
		{name: "an icon that is a script", target: "/favicon.ico/.php"},
		{name: "a folder of well-known", target: "/.well-known/folder"},
		{name: "a folder of well-known with a script", target: "/.well-known/folder/"},
		{name: "a script's source", target: "/index.php%20"},
		{name: "a script's backup", target: "/index.php~"},
		{name: "a script for a header", target: "/robots.txt", header: fields("Script_name", "/index.php", "Path_info", "/", "Request_uri", "/")},
		{name: "a proxy for a header", target: "/robots.txt", header: fields("Proxy", "http://127.0.0.1:1")},
	}
}

// folderTries returns what file_server makes lists and files of.
func folderTries() []try {
	return []try{
		{name: "a list as JSON", header: fields("Accept", "application/json")},
		{name: "a list as text", header: fields("Accept", "text/plain")},
		{name: "a list by a parameter", target: "/?sort=name&order=desc&layout=grid"},
		{name: "a list of a folder", target: "/folder/"},
		{name: "a list of a folder that is named as robots.txt", target: "/folder/robots.txt/"},
		{name: "a folder without a slash", target: "/folder"},
		{name: "a page in well-known", target: "/.well-known/page.html"},
		{name: "a page in well-known by its folder", target: "/.well-known/folder/"},
		{name: "a page in well-known without its ending", target: "/.well-known/page"},
		{name: "a packed page in well-known", target: "/.well-known/page.html", header: fields("Accept-Encoding", "gzip, br, zstd")},
		{name: "a picture with scripts in well-known", target: "/.well-known/drawing.svg"},
		{name: "a page in well-known, in part", target: "/.well-known/page.html", header: fields("Range", "bytes=0-9")},
		{name: "a file by its name", target: "/the%20content%20of%20the%20site.html"},
	}
}

// Not only a proxy stands behind the directive: a script that answers for all, and a file
// server that lists its folders, are no ways round the challenge either.
func TestNoWayRoundTheChallengeToScriptsAndFolders(t *testing.T) {
	files := map[string]string{
		"index.php":                       "<?php // " + theContent,
		".well-known/security.txt":        "Contact: mailto:security@site.example\n",
		".well-known/page.html":           "<p>" + theContent,
		".well-known/folder/index.html":   "<p>" + theContent,
		".well-known/folder/index.php":    "<?php // " + theContent,
		".well-known/drawing.svg":         "<svg xmlns='http://www.w3.org/2000/svg'><text>" + theContent + "</text></svg>",
		theContent + ".html":              "<p>" + theContent,
		"folder/" + theContent + ".html":  "<p>" + theContent,
		"folder/robots.txt/" + theContent: theContent,
	}
	php := func(t *testing.T, app *frontController) string { return "php_fastcgi " + app.overFastCGI(t) }
	for name, row := range map[string]struct {
		serve  func(*testing.T, *frontController) string
		but    []string // files that are not there
		honest []string // what who has no decision gets at /, and who has one at security.txt
	}{
		"php_fastcgi": {php, nil, []string{theContent, " 200"}},
		"php_fastcgi and file_server": {
			func(t *testing.T, app *frontController) string { return php(t, app) + "\nfile_server" }, nil, []string{theContent, "Contact:"},
		},
		"file_server browse": {
			func(*testing.T, *frontController) string { return "file_server browse" }, []string{"index.php"}, []string{theContent, "Contact:"},
		},
		"file_server browse, and pages without their ending": {
			func(*testing.T, *frontController) string { return "try_files {path} {path}.html\nfile_server browse" },
			[]string{"index.php"},
			[]string{theContent, "Contact:"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDoorwayTo(t, row.serve)
			d.app.early = false
			present := maps.Clone(files)
			for _, name := range row.but {
				delete(present, name)
			}
			d.write(present)
			pass := d.solveAt(d.challengeAt("/"), "/")
			d.stand(slices.Concat(tries(pass), moreTries(pass), scriptTries(), folderTries()))
			for i, q := range []struct{ from, target string }{{allowed, "/"}, {banned, "/.well-known/security.txt"}} {
				got, err := d.raw(try{target: q.target}, q.from)
				if want := row.honest[i]; err != nil || !strings.Contains(got, want) && !strings.Contains(got, url.PathEscape(want)) {
					t.Errorf("%s gets %.300q, %v at %s; want %q in it", q.from, got, err, q.target, want)
				}
			}
		})
	}
}
