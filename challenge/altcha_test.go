package challenge

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// stockScript replaces the script of the package altcha: it has the parts that tocsin
// checks.
const stockScript = `customElements.define("altcha-widget", class {}); new Worker("blob:x")`

func writeScript(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "altcha.min.js")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestAltchaShowsItsOwnWidgetForOurPuzzle(t *testing.T) {
	p, err := NewAltcha(AltchaConfig{File: writeScript(t, stockScript)})
	if err != nil {
		t.Fatal(err)
	}
	w := p.Widget()
	if p.Name() != "altcha" || !w.Puzzle || w.Field != "altcha" || w.Script != "" {
		t.Errorf("%s: %+v", p.Name(), w)
	}
	if !strings.Contains(w.Inline, stockScript) || !strings.Contains(w.Inline, `".`+w.Class+`"`) || !strings.Contains(w.Inline, "dataset.challenge") {
		t.Errorf("the script is %s", w.Inline)
	}
}

// The gate checks solutions itself. Should it call Verify, that must not give a pass,
// and must not count as the visitor's fault.
func TestAltchaVerifiesNothing(t *testing.T) {
	p, err := NewAltcha(AltchaConfig{File: writeScript(t, stockScript)})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Verify(t.Context(), claim()); outcomeOf(err) != failure {
		t.Errorf("%v; want a failure", err)
	}
}

func TestAFileThatIsNotAltchasScriptIsRefused(t *testing.T) {
	for name, row := range map[string]struct{ content, want string }{
		"an empty file":          {"", "does not define the element altcha-widget"},
		"another script":         {"alert(1)", "does not define the element altcha-widget"},
		"the one without worker": {`customElements.define("altcha-widget", class {})`, "not the one in dist/external"},
		"not text":               {stockScript + "\xff", "not valid UTF-8 text"},
		"a page":                 {"<SCRIPT>" + stockScript + "</script>", "<script or </script"},
		"the end of the element": {stockScript + `"</Script >"`, "<script or </script"},
		"over a megabyte":        {stockScript + strings.Repeat(" ", 1<<20), "more than 1048576 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			file := writeScript(t, row.content)
			_, err := NewAltcha(AltchaConfig{File: file})
			if err == nil || !strings.Contains(err.Error(), row.want) || !strings.Contains(err.Error(), file) {
				t.Errorf("%v; want an error with %q and the name of the file", err, row.want)
			}
		})
	}
	t.Run("no file", func(t *testing.T) {
		if _, err := NewAltcha(AltchaConfig{File: filepath.Join(t.TempDir(), "none.js")}); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v; want %v", err, fs.ErrNotExist)
		}
	})
	t.Run("a folder", func(t *testing.T) {
		if _, err := NewAltcha(AltchaConfig{File: t.TempDir()}); err == nil {
			t.Error("want an error")
		}
	})
	t.Run("no name", func(t *testing.T) {
		if _, err := NewAltcha(AltchaConfig{}); err == nil || !strings.Contains(err.Error(), "no script file") {
			t.Errorf("%v; want that no file is given", err)
		}
	})
}
