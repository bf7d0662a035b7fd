package option

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

const (
	secretFile = "file:"  // before the path of a file that holds a secret
	maxSecret  = 64 << 10 // bytes of such a file
)

// Resolve replaces the placeholders in the strings of to, a pointer to a struct, reads
// the secrets that are in files, and checks what came of it. A placeholder that is
// unknown or empty is an error: half a key or URL would only fail later, and
// elsewhere. Errors name the option and the placeholder, and never a value that a
// placeholder stands for.
func Resolve(repl *caddy.Replacer, to any) error {
	for _, f := range fieldsOf(to) {
		if err := f.resolve(repl); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return Check(to)
}

func (f *field) resolve(repl *caddy.Replacer) error {
	if f.literal {
		return nil
	}
	switch v := f.value.Addr().Interface().(type) {
	case *string:
		return f.resolveText(repl, v)
	case *[]string:
		*v = slices.Clone(*v)
		for i := range *v {
			if err := f.resolveText(repl, &(*v)[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *field) resolveText(repl *caddy.Replacer, s *string) (err error) {
	if *s, err = repl.ReplaceOrErr(*s, true, true); err == nil && f.secret {
		*s, err = readSecret(*s)
	}
	return err
}

// readSecret returns the secret that s is, or that is in the file that it names.
func readSecret(s string) (string, error) {
	path, ok := strings.CutPrefix(s, secretFile)
	if !ok {
		return s, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	switch secret := strings.TrimSpace(string(text)); {
	case err != nil:
		return "", err
	case len(text) > maxSecret:
		return "", fmt.Errorf("%s: larger than 64 KiB: no secret is", path)
	case secret == "":
		return "", errors.New(path + " is empty")
	default:
		return secret, nil
	}
}
