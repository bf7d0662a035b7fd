package replay

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// get is a line of a common log, of a second of one minute.
func get(client, second, target string) string {
	return client + ` - - [10/Oct/2026:13:55:` + second + ` +0000] "GET ` + target + ` HTTP/1.1" 200 1` + "\n"
}

func places(r *Reader) []string {
	var all []string
	for e := range r.All() {
		all = append(all, e.Place()+" "+e.Target)
	}
	return all
}

func TestSeveralLogsAreMergedByTime(t *testing.T) {
	r := new(Reader)
	r.Add("b", strings.NewReader(get("192.0.2.1", "02", "/2")+get("192.0.2.1", "04", "/4")+get("192.0.2.1", "03", "/late")))
	r.Add("empty", strings.NewReader(""))
	r.Add("a", strings.NewReader(get("192.0.2.1", "01", "/1")+"\n\n"+get("192.0.2.1", "02", "/2")+get("192.0.2.1", "05", "/5")))
	want := []string{"a:1 /1", "b:1 /2", "a:4 /2", "b:2 /4", "b:3 /late", "a:5 /5"}
	if got := places(r); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestFilesAreUnpackedByWhatIsInThem(t *testing.T) {
	dir := t.TempDir()
	plain, zipped := filepath.Join(dir, "a.gz"), filepath.Join(dir, "b.log")
	for name, content := range map[string][]byte{plain: []byte(get("192.0.2.1", "01", "/1")), zipped: packed(t, get("192.0.2.1", "02", "/2"))} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r, err := Open(zipped, plain)
	if err != nil {
		t.Fatal(err)
	}
	if got := places(r); !slices.Equal(got, []string{plain + ":1 /1", zipped + ":1 /2"}) {
		t.Errorf("%q", got)
	}
	if read, total := r.Progress(); read != total || total == 0 {
		t.Errorf("%d of %d bytes are read at the end", read, total)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func TestWhatIsCutOffIsReadUpToThere(t *testing.T) {
	whole := packed(t, get("192.0.2.1", "01", "/1")+strings.Repeat("x", 100_000))
	for name, row := range map[string]struct {
		text     []byte
		requests int
		broken   string
	}{
		"in the middle of a line": {[]byte(strings.TrimSpace(get("192.0.2.1", "01", "/1"))), 1, ""},
		"packed":                  {whole[:len(whole)-9], 1, "a: unexpected EOF"},
		"packed, of a header":     {whole[:5], 0, "a: unexpected EOF"},
		"a byte":                  {[]byte{0x1f}, 0, ""},
	} {
		r := new(Reader)
		r.Add("a", bytes.NewReader(row.text))
		if n := len(places(r)); n != row.requests || strings.Join(r.Skipped().Broken, "; ") != row.broken {
			t.Errorf("%s: %d requests, %+v", name, n, r.Skipped())
		}
	}
}

func TestALogThatFailsEndsThere(t *testing.T) {
	r := new(Reader)
	r.Add("a", io.MultiReader(strings.NewReader(get("192.0.2.1", "01", "/1")), failing{}))
	r.Add("b", strings.NewReader(get("192.0.2.1", "02", "/2")))
	if got := places(r); !slices.Equal(got, []string{"a:1 /1", "b:1 /2"}) || !slices.Equal(r.Skipped().Broken, []string{"a: input/output error"}) {
		t.Errorf("%q, %+v", got, r.Skipped())
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("input/output error") }

// The first 64 KiB of a line count. If they contain a request, the line is a request.
func TestLongLines(t *testing.T) {
	long := strings.Repeat("x", 3<<20)
	log := get("192.0.2.1", "01", "/1") +
		`192.0.2.1 - - [10/Oct/2026:13:55:02 +0000] "GET /2 HTTP/1.1" 200 1 "-" "` + long + "\"\n" +
		`192.0.2.1 - - [10/Oct/2026:13:55:03 +0000] "GET /3` + long + ` HTTP/1.1" 200 1` + "\n" +
		`{"request":{"uri":"` + long + "\"}}\n" + long + "\n" +
		get("192.0.2.1", "06", "/6") + long
	all, skipped := read(t, log)
	var got []string
	for _, e := range all {
		got = append(got, e.Place()+e.Target)
	}
	if !slices.Equal(got, []string{"a.log:1/1", "a.log:2/2", "a.log:6/6"}) || len(all[1].UserAgent) < 60<<10 || len(all[1].UserAgent) > 64<<10 {
		t.Errorf("%q", got)
	}
	var why []string
	for _, s := range skipped.Examples {
		why = append(why, s.At+" "+s.Reason)
	}
	if want := []string{"a.log:3 ", "a.log:4 ", "a.log:5 ", "a.log:7 "}; skipped.Lines != 4 || !slices.Equal(why, []string{
		want[0] + errLong.Error(), want[1] + errLong.Error(), want[2] + errLong.Error(), want[3] + errLong.Error(),
	}) {
		t.Errorf("%d lines, %q", skipped.Lines, why)
	}
}

func TestSkippedLinesAreCountedAndTheFirstShown(t *testing.T) {
	all, skipped := read(t, strings.Repeat("nonsense\n\r\n", 100))
	if len(all) != 0 || skipped.Lines != 100 || len(skipped.Examples) != 5 || skipped.Examples[4].At != "a.log:9" {
		t.Errorf("%+v", skipped)
	}
}

func TestAHostIsAssumedWhereNoneIsNamed(t *testing.T) {
	r := new(Reader)
	r.Add("a", strings.NewReader(get("192.0.2.1", "01", "/1")+"example.org "+get("192.0.2.1", "02", "/2")))
	r.AssumeHost("example.com")
	var hosts []string
	for e := range r.All() {
		hosts = append(hosts, e.Host)
	}
	if !slices.Equal(hosts, []string{"example.com", "example.org"}) {
		t.Errorf("%q", hosts)
	}
}

func TestWhatOpenRefuses(t *testing.T) {
	for want, paths := range map[string][]string{
		"no such file":            {filepath.Join(t.TempDir(), "none.log")},
		"name the files in it":    {t.TempDir()},
		"want at most 256; write": make([]string, 257),
	} {
		if _, err := Open(paths...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
