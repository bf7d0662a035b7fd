package challenge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"
)

// maxScript limits the size of ALTCHA's script: the largest of version 3.2.2 has 336
// kB.
const maxScript = 1 << 20

// AltchaConfig describes ALTCHA's own widget.
type AltchaConfig struct {
	// File is the widget's script: dist/main/altcha.min.js of the npm package altcha,
	// version 3 (tested: 3.2.2). It shows the widget in the page's language, so
	// altcha.i18n.min.js is not needed. The files of dist/external lack the workers and
	// the style, and do not work. Required.
	File string
}

// NewAltcha reads ALTCHA's script and returns a provider that shows its widget with a
// checkbox. The page contains the script, so the browser loads nothing from elsewhere.
// The page then has about 114 kB instead of 6.
//
// It solves the gate's own proof of work and asks no third party. It takes longer,
// because it hashes much more slowly than the embedded challenge. It needs a secure
// context (HTTPS, or a loopback name): without one the page shows the embedded
// challenge.
func NewAltcha(cfg AltchaConfig) (Provider, error) {
	if cfg.File == "" {
		return nil, errors.New("altcha: no script file: want dist/main/altcha.min.js of the npm package altcha")
	}
	script, err := readScript(cfg.File)
	if err != nil {
		return nil, fmt.Errorf("altcha: reading %s: %w", cfg.File, err)
	}
	return altcha{Widget{
		// The function keeps the script's names out of the page. It runs at once,
		// because the script can read the nonce for its style only then.
		Inline: "(function () {\n" + script + "\n})();\n" + altchaStart,
		Class:  "tocsin-altcha",
		Field:  "altcha",
		Policy: sources([]string{"blob:"}, "worker-src"),
		Puzzle: true,
	}}, nil
}

// altchaStart puts a widget into the element, with the puzzle, the language and the
// texts of its data attributes.
const altchaStart = `(function () {
  "use strict";
  function start() {
    document.querySelectorAll(".tocsin-altcha").forEach(function (box) {
      var widget = document.createElement("altcha-widget");
      var lang = box.dataset.language.toLowerCase(), all = globalThis.$altcha && globalThis.$altcha.i18n;
      if (all) all.set(lang, Object.assign({}, all.get("en"), all.get(lang), JSON.parse(box.dataset.strings)));
      widget.setAttribute("language", lang);
      widget.setAttribute("challenge", box.dataset.challenge);
      box.appendChild(widget);
    });
  }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
`

// readScript reads the widget from a file and checks that an HTML page can contain it.
func readScript(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		// The caller names the file.
		return "", errors.Unwrap(err)
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxScript+1))
	if err != nil {
		return "", err
	}
	script := string(data)
	lower := strings.ToLower(script)
	switch {
	case len(data) > maxScript:
		return "", fmt.Errorf("it has more than %d bytes", maxScript)
	case !utf8.Valid(data) || strings.Contains(script, "\x00"):
		return "", errors.New("it is not valid UTF-8 text: want dist/main/altcha.min.js of the npm package altcha")
	case !strings.Contains(script, `"altcha-widget"`):
		return "", errors.New("it does not define the element altcha-widget; want dist/main/altcha.min.js of the npm package altcha")
	case !strings.Contains(script, "new Worker("):
		return "", errors.New("it has no worker; want the file in dist/main, not the one in dist/external")
	case strings.Contains(lower, "</script") || strings.Contains(lower, "<script"):
		return "", errors.New("it contains <script or </script: a script inside a page must not")
	}
	return script, nil
}

type altcha struct{ widget Widget }

// Name implements [Provider].
func (a altcha) Name() string { return "altcha" }

// Widget implements [Provider].
func (a altcha) Widget() Widget { return a.widget }

// Verify implements [Provider]. The gate never calls it, because it checks the
// solutions of its puzzles itself. Should it be called, it gives no pass.
func (a altcha) Verify(context.Context, Claim) error {
	return errors.New("altcha: the gate checks the solutions of its puzzles")
}
