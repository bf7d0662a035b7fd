package caddymodule

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/tocsin-project/tocsin/caddymodule/option"
	"github.com/tocsin-project/tocsin/middleware"
)

// A pageKey is everything by which pages for stopped clients can differ.
type pageKey struct {
	file, title string
	look        Look // placeholders replaced
}

// pages are the pages that a config has built so far. A thousand sites with the same look
// share one page. The zero value is ready. Sites are provisioned one after another.
type pages map[pageKey]*middleware.Page

// of returns the page for key: the one in its file, or the built-in one.
func (p *pages) of(key pageKey, repl *caddy.Replacer, app *App) (*middleware.Page, error) {
	var err error
	if key.file, err = repl.ReplaceOrErr(key.file, true, true); err != nil {
		return nil, err
	}
	if made := (*p)[key]; made != nil {
		return made, nil
	}
	cfg := key.look.pageConfig()
	cfg.Title, cfg.Logger, cfg.Explain = key.title, app.logger, app.engine.explainStop
	if key.file != "" {
		if cfg.Template, err = option.ReadFile(key.file, maxPage); err != nil {
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
