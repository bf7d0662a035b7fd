package caddymodule

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/tocsin-project/tocsin/middleware"
	"go.uber.org/zap"
)

// A pageKey is what pages for stopped clients differ in.
type pageKey struct {
	file, title string
	look        Look // placeholders replaced
}

// pages are those of a config, made so far: a thousand sites that look the same share
// one. The zero value is ready. Sites are provisioned one after another.
type pages map[pageKey]*middleware.Page

// of returns the page that key describes: the one in its file, or the built-in one.
func (p *pages) of(key pageKey, repl *caddy.Replacer, l *zap.Logger) (http.Handler, error) {
	var err error
	if key.file, err = repl.ReplaceOrErr(key.file, true, true); err != nil {
		return nil, err
	}
	if made := (*p)[key]; made != nil {
		return made, nil
	}
	cfg := middleware.PageConfig{
		Title: key.title, Contact: key.look.Contact, Accent: key.look.Accent,
		FrameAncestors: strings.Fields(key.look.FrameAncestors), Logger: l,
	}
	if key.file != "" {
		if cfg.Template, err = readFile(key.file, maxPage); err != nil {
			return nil, err
		}
		cfg.Name = key.file
	}
	page, err := middleware.NewPage(cfg)
	if err != nil {
		return nil, err
	}
	if *p == nil {
		*p = pages{}
	}
	(*p)[key] = page
	return page, nil
}

// readFile returns what stands in a file, which may not be longer than limit.
func readFile(name string, limit int64) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	if int64(len(text)) > limit {
		return "", fmt.Errorf("%s: more than %d bytes", name, limit)
	}
	return string(text), nil
}
