package option

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// Replace replaces the placeholders in the strings of to, a pointer to a struct, and in
// those of structs that are embedded in it. An unknown or empty one is an error,
// because half a key or URL would only fail later. Errors name the field and the
// placeholder, never a value.
func Replace(repl *caddy.Replacer, to any) error {
	for _, f := range fieldsOf(elem(to)) {
		if err := f.replace(repl); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return nil
}

func elem(to any) reflect.Value { return reflect.ValueOf(to).Elem() }

func (f field) replace(repl *caddy.Replacer) error {
	switch to := f.value.Addr().Interface().(type) {
	case *string:
		v, err := repl.ReplaceOrErr(*to, true, true)
		if err != nil {
			return err
		}
		*to = v
	case *[]string:
		all := slices.Clone(*to) // the config may have it, too
		for i := range all {
			v, err := repl.ReplaceOrErr(all[i], true, true)
			if err != nil {
				return err
			}
			all[i] = v
		}
		*to = all
	}
	return nil
}

// MaxSecret bounds a file with a secret, a key or a certificate, in bytes.
const MaxSecret = 64 << 10

// secretFile stands before the path of a file that holds a secret.
const secretFile = "file:"

// Secret returns the secret that s is, or that is in the file that it names.
func Secret(s string) (string, error) {
	path, ok := strings.CutPrefix(s, secretFile)
	if !ok {
		return s, nil
	}
	text, err := ReadFile(path, MaxSecret)
	if err != nil {
		return "", err
	}
	if text = strings.TrimSpace(text); text == "" {
		return "", fmt.Errorf("the file %s is empty", path)
	}
	return text, nil
}

// ReadFile returns what stands in a file, which may not be longer than limit.
func ReadFile(name string, limit int64) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	if int64(len(text)) > limit {
		return "", fmt.Errorf("the file %s is too large: want at most %d bytes", name, limit)
	}
	return string(text), nil
}
