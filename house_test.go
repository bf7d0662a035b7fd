package tocsin

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A room is a folder of the house: it answers one question, and what it may
// import follows from that. Whoever knows better changes the table, and says
// why in RATIONALE.md.
type room struct {
	ours   []string // rooms that it may import
	others []string // modules that it may import, beside the standard library
}

const (
	house = "github.com/tocsin-project/tocsin"

	backoff    = "github.com/cenkalti/backoff/v5"
	bart       = "github.com/gaissmai/bart"
	cdproto    = "github.com/chromedp/cdproto"
	chromedp   = "github.com/chromedp/chromedp"
	caddy      = "github.com/caddyserver/caddy/v2"
	caddyl4    = "github.com/mholt/caddy-l4"
	coraza     = "github.com/corazawaf/coraza/v3"
	expr       = "github.com/expr-lang/expr"
	cobra      = "github.com/spf13/cobra"
	gjson      = "github.com/tidwall/gjson"
	jose       = "github.com/go-jose/go-jose/v4"
	http2      = "golang.org/x/net/http2"
	unix       = "golang.org/x/sys/unix"
	suffixes   = "golang.org/x/net/publicsuffix"
	fsnotify   = "github.com/fsnotify/fsnotify"
	maxmind    = "github.com/oschwald/maxminddb-golang/v2"
	goleak     = "go.uber.org/goleak"
	libinject  = "github.com/corazawaf/libinjection-go"
	lru        = "github.com/hashicorp/golang-lru/v2"
	quic       = "github.com/quic-go/quic-go"
	pgx        = "github.com/jackc/pgx/v5"
	prometheus = "github.com/prometheus/client_golang"
	sqlite     = "modernc.org/sqlite"
	xrate      = "golang.org/x/time/rate"
	yaml       = "go.yaml.in/yaml/v3"
	zap        = "go.uber.org/zap"
)

// public are the rooms that programs outside the house may import.
var public = []string{
	"admin", "appsec", "caddymodule", "caddymodule/guest", "caddymodule/option", "challenge", "community", "community/api", "community/database", "community/member", "community/people", "community/protocol", "consensus", "crawlers", "detect", "engine", "event", "geo", "inspect", "lapi", "lists", "lookup", "metrics", "middleware", "replay", "waf", "waf/builtin",
}

// rooms holds every folder that there may be. The last element of a name can
// be a star.
var rooms = map[string]room{
	".":                      {ours: []string{"admin", "caddymodule", "caddymodule/challenges", "caddymodule/inspectors", "caddymodule/sources"}},
	"admin":                  {[]string{"community", "community/member", "consensus", "engine", "event", "lookup", "replay"}, []string{caddy, cobra}},
	"appsec":                 {[]string{"inspect", "internal/upstream", "lookup"}, []string{zap}},
	"caddymodule":            {append([]string{"caddymodule/request", "internal/alertquota"}, public...), []string{caddy, zap, prometheus, suffixes}},
	"caddymodule/centre":     {[]string{"caddymodule/option", "caddymodule/request", "community", "community/api", "community/database", "community/people", "community/protocol", "consensus", "geo", "lists", "lookup", "metrics"}, []string{caddy, zap}},
	"caddymodule/challenges": {[]string{"caddymodule/guest", "caddymodule/option", "challenge"}, []string{caddy}},
	"caddymodule/guest":      {[]string{"appsec", "challenge", "engine", "lookup", "middleware", "waf"}, []string{caddy, zap}},
	"caddymodule/inspectors": {[]string{"appsec", "caddymodule/guest", "caddymodule/option", "inspect", "lookup", "metrics", "middleware", "waf", "waf/builtin"}, []string{caddy, prometheus, zap}},
	"caddymodule/layer4":     {[]string{".", "caddymodule"}, []string{caddy, caddyl4}},
	"caddymodule/option":     {nil, []string{caddy}},
	"caddymodule/request":    {nil, []string{caddy}},
	"caddymodule/sources":    {[]string{"caddymodule/guest", "caddymodule/option", "community/member", "engine", "geo", "lapi", "lists", "lookup", "middleware"}, []string{caddy, zap, yaml}},
	"challenge":              {[]string{"internal/page"}, nil},
	"cmd/tocsin":             {append([]string{".", "caddymodule/centre", "internal/wire"}, public...), []string{caddy}},
	"community":              {[]string{"consensus", "internal/files", "internal/limit", "lookup"}, []string{zap}},
	"community/api":          {[]string{"community", "community/protocol", "consensus", "lookup"}, []string{jose, lru, xrate, zap}},
	"community/database":     {[]string{"community", "consensus"}, []string{pgx, sqlite}},
	"community/member":       {[]string{"community/protocol", "consensus", "event", "internal/upstream", "lookup"}, []string{backoff, zap}},
	"community/people":       {[]string{"community", "consensus", "internal/limit", "internal/page", "lookup"}, []string{zap}},
	"community/protocol":     {},
	"consensus":              {[]string{"lookup"}, nil},
	"crawlers":               {nil, []string{lru, zap}},
	"detect":                 {[]string{"event", "internal/files", "internal/hubindex", "internal/search", "lookup"}, []string{expr, yaml, libinject}},
	"docs":                   {},
	"engine":                 {[]string{"lookup", "event", "detect", "internal/alertquota", "internal/files"}, []string{zap}},
	"event":                  {[]string{"lookup"}, nil},
	"examples":               {},
	"examples/*":             {append([]string{"."}, public...), []string{caddy, zap}},
	"geo":                    {[]string{"lookup", "internal/follow"}, []string{zap, maxmind}},
	"inspect":                {[]string{"event", "lookup"}, nil},
	"internal/alertquota":    {[]string{"event", "lookup"}, nil},
	"internal/appsectest":    {},
	"internal/browsertest":   {nil, []string{cdproto, chromedp}},
	"internal/wordpresstest": {},
	"internal/challengetest": {},
	"internal/limit":         {},
	"internal/page":          {},
	"internal/postgrestest":  {nil, []string{pgx}},
	"internal/golden":        {},
	"internal/heaptest":      {},
	"internal/files":         {},
	"internal/inflate":       {},
	"internal/follow":        {nil, []string{zap, fsnotify}},
	"internal/hubindex":      {ours: []string{"internal/files"}},
	"internal/hubsuite":      {},
	"internal/lapitest":      {[]string{"internal/wire", "lookup"}, nil},
	"internal/search":        {},
	"internal/storetest":     {[]string{"community", "consensus"}, nil},
	"internal/upstream":      {},
	"internal/wafsuite":      {},
	"internal/wire":          {[]string{"lookup"}, nil},
	"lapi":                   {[]string{"lookup", "event", "internal/upstream", "internal/wire"}, []string{zap, backoff}},
	"lists":                  {[]string{"lookup", "internal/follow", "internal/upstream"}, []string{zap, backoff}},
	"lookup":                 {nil, []string{bart, lru}},
	"metrics":                {[]string{"appsec", "challenge", "community", "consensus", "detect", "engine", "event", "lookup", "middleware", "waf"}, []string{prometheus}},
	"middleware":             {[]string{"lookup", "inspect", "event", "challenge", "internal/page"}, []string{zap}},
	"replay":                 {[]string{"detect", "engine", "event", "lookup"}, nil},
	"waf":                    {[]string{"event", "inspect", "internal/hubindex", "internal/inflate", "internal/search", "lookup"}, []string{yaml, libinject, zap}},
	"waf/builtin":            {[]string{"internal/search", "waf"}, []string{yaml}},
	"waf/bench":              {[]string{"waf"}, []string{coraza, yaml}}, // a module of its own
}

// inTests is what the tests of any room may import on top: guests of the app, a community's centre, an inspector, a server to test
// against, its client and its database, a PostgreSQL, detection to be told of what is seen, a WordPress, a visitor who solves challenges, the check for goroutines left
// behind, bart as a yardstick, gjson as an oracle, the commands, a browser, the
// frames of HTTP/2, and the kernel's events.
var inTests = room{[]string{"appsec", "caddymodule/centre", "caddymodule/challenges", "caddymodule/inspectors", "caddymodule/sources", "community", "community/api", "community/database", "detect", "event", "internal/lapitest", "internal/postgrestest", "internal/storetest", "internal/challengetest", "internal/appsectest", "internal/browsertest", "internal/golden", "internal/heaptest", "internal/hubsuite", "internal/wafsuite", "internal/wordpresstest", "lapi", "waf"}, []string{goleak, bart, cdproto, chromedp, cobra, gjson, http2, quic, sqlite, unix}}

// roomOf returns the room that folder is, and whether it is one.
func roomOf(folder string) (room, bool) {
	r, ok := rooms[folder]
	if !ok {
		r, ok = rooms[path.Join(path.Dir(folder), "*")]
	}
	return r, ok
}

// mayImport reports whether r has a door to the package imported.
func (r room) mayImport(imported string) bool {
	if imported == house {
		return slices.Contains(r.ours, ".")
	}
	if folder, ok := strings.CutPrefix(imported, house+"/"); ok {
		return slices.Contains(r.ours, folder)
	}
	standard := !strings.Contains(strings.Split(imported, "/")[0], ".")
	return standard || slices.ContainsFunc(r.others, func(module string) bool {
		return imported == module || strings.HasPrefix(imported, module+"/")
	})
}

// A goFile is one Go file of the house.
type goFile struct {
	*ast.File
	path string
	set  *token.FileSet
}

func (f goFile) folder() string       { return path.Dir(f.path) }
func (f goFile) isTest() bool         { return strings.HasSuffix(f.path, "_test.go") }
func (f goFile) line(p token.Pos) int { return f.set.Position(p).Line }

// files calls see for every file of the house but those of Git and of tests'
// data, by a path with slashes.
func files(t *testing.T, see func(path string)) {
	t.Helper()
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (name == ".git" || entry.Name() == "testdata"):
			return fs.SkipDir
		case entry.Type().IsRegular():
			see(filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// goFiles returns all Go files of the house.
func goFiles(t *testing.T) []goFile {
	t.Helper()
	var all []goFile
	files(t, func(name string) {
		if path.Ext(name) != ".go" {
			return
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, goFile{file, name, set})
	})
	return all
}

func TestEveryFolderIsInTheTable(t *testing.T) {
	seen := map[string]bool{}
	files(t, func(name string) {
		folder := path.Dir(name)
		if seen[folder] || strings.HasPrefix(folder, ".") && folder != "." {
			return
		}
		seen[folder] = true
		// What a room embeds may lie in folders below it.
		_, known := roomOf(folder)
		for up := folder; !known && up != "." && path.Ext(name) != ".go"; up = path.Dir(up) {
			_, known = roomOf(up)
		}
		if !known {
			t.Errorf("%s: the folder is not in the table of rooms", folder)
		}
	})
}

func TestImportsGoThroughDoors(t *testing.T) {
	for _, f := range goFiles(t) {
		r, _ := roomOf(f.folder())
		if f.isTest() {
			r.ours = slices.Concat(r.ours, inTests.ours, []string{f.folder()})
			r.others = slices.Concat(r.others, inTests.others)
		}
		for _, spec := range f.Imports {
			if imported := strings.Trim(spec.Path.Value, `"`+"`"); !r.mayImport(imported) {
				t.Errorf("%s:%d: %s may not import %s", f.path, f.line(spec.Pos()), f.folder(), imported)
			}
		}
	}
}

func TestEveryPackageHasOneCommentInItsMainFile(t *testing.T) {
	comments := map[string][]string{} // the files of a folder that have one
	for _, f := range goFiles(t) {
		if f.isTest() {
			continue
		}
		commented := comments[f.folder()]
		if f.Doc != nil {
			commented = append(commented, f.path)
		}
		comments[f.folder()] = commented
	}
	for _, f := range goFiles(t) {
		commented, ok := comments[f.folder()]
		if !ok || f.isTest() {
			continue
		}
		delete(comments, f.folder())
		want := path.Join(f.folder(), f.Name.Name+".go")
		if f.folder() == "." {
			want = "module.go"
		}
		if !slices.Equal(commented, []string{want}) {
			t.Errorf("package %s: package comments in %q; want one, in %s", f.Name.Name, commented, want)
		}
	}
}

func TestFilesAndFunctionsStayShort(t *testing.T) {
	const maxFile, maxFunc = 300, 60
	for _, f := range goFiles(t) {
		if f.isTest() {
			continue
		}
		if n := f.line(f.FileEnd); n > maxFile {
			t.Errorf("%s: %d lines; want at most %d", f.path, n, maxFile)
		}
		for _, decl := range f.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			if n := f.line(fn.End()) - f.line(fn.Pos()) - 1; n > maxFunc {
				t.Errorf("%s:%d: %s has %d lines; want at most %d", f.path, f.line(fn.Pos()), fn.Name, n, maxFunc)
			}
		}
	}
}

func TestNothingIsLeftToDo(t *testing.T) {
	unfinished := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`)
	for _, f := range goFiles(t) {
		for _, group := range f.Comments {
			for _, c := range group.List {
				if word := unfinished.FindString(c.Text); word != "" {
					t.Errorf("%s:%d: %s", f.path, f.line(c.Pos()), word)
				}
			}
		}
	}
}

func TestNoTestSleeps(t *testing.T) {
	for _, f := range goFiles(t) {
		if !f.isTest() {
			continue
		}
		ast.Inspect(f.File, func(n ast.Node) bool {
			call, ok := n.(*ast.SelectorExpr)
			if !ok || call.Sel.Name != "Sleep" {
				return true
			}
			if pkg, ok := call.X.(*ast.Ident); ok && pkg.Name == "time" {
				t.Errorf("%s:%d: a test that sleeps is slow, or wrong now and then", f.path, f.line(call.Pos()))
			}
			return true
		})
	}
}

// Paths of one machine are useless on another.
func TestNoFileNamesItsAuthorsMachine(t *testing.T) {
	foreign := regexp.MustCompile(`/(home|Users)/\w+/|/ro` + `ot/`)
	files(t, func(name string) {
		text, err := os.ReadFile(filepath.FromSlash(name))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.IndexByte(text, 0) >= 0 {
			return
		}
		n := 0
		for line := range bytes.Lines(text) {
			n++
			if found := foreign.Find(line); found != nil {
				t.Errorf("%s:%d: %s", name, n, found)
			}
		}
	})
}
