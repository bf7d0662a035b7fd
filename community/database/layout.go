package database

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"strings"

	"github.com/tocsin-project/tocsin/community"
)

//go:embed layout/*.sql
var layouts embed.FS

// newest are the newest layouts of this program.
var newest = map[string]int{"community": 2, "accounts": 1}

// migrate brings a database to the newest layout in one transaction.
func (d *database) migrate(ctx context.Context, kind string) error {
	return d.update(ctx, func(s *session) error {
		if err := s.prepare(ctx, s.tx); err != nil {
			return s.fail("making schema", err)
		}
		at, err := s.layout(kind)
		if err != nil {
			return err
		}
		for at++; at <= newest[kind]; at++ {
			step, err := layouts.ReadFile(fmt.Sprintf("layout/%s-%d.sql", kind, at))
			if err != nil {
				return err
			}
			for statement := range strings.SplitSeq(d.words().Replace(string(step)), ";\n") {
				if strings.TrimSpace(statement) == "" {
					continue
				}
				if err := s.must("making tables", statement); err != nil {
					return err
				}
			}
			if err := s.must("noting layout", "UPDATE layout SET version = $1", at); err != nil {
				return err
			}
		}
		return nil
	})
}

// layout returns the layout number of a database; 0: it is empty.
func (s *session) layout(kind string) (version int, err error) {
	if err := s.must("making tables", "CREATE TABLE IF NOT EXISTS layout (kind TEXT NOT NULL, version INTEGER NOT NULL)"); err != nil {
		return 0, err
	}
	var found string
	err = s.one("reading layout", "SELECT kind, version FROM layout", nil, &found, &version)
	switch {
	case errors.Is(err, community.ErrNotFound):
		return 0, s.must("noting layout", "INSERT INTO layout (kind, version) VALUES ($1, 0)", kind)
	case err != nil:
		return 0, err
	case found != kind:
		return 0, fmt.Errorf("%s: this is a database of kind %q; want one of kind %q, which is another file or URL", s.name, found, kind)
	case version > newest[kind]:
		return 0, fmt.Errorf("%s: a newer tocsin made layout %d, and this one knows layouts up to %d: run the newer one, or restore a backup", s.name, version, newest[kind])
	}
	return version, nil
}
