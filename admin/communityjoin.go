package admin

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/spf13/cobra"
	"github.com/tocsin-project/tocsin/community/member"
)

func newJoin() *cobra.Command {
	var o joinOptions
	cmd := &cobra.Command{
		Use:   "join <url> <invitation> [--accept-terms <version>] [--name <name>] [--key-file <path>] [--ca <path>] [--plain-http]",
		Short: "Makes this server a member of a community",
		Long: `
Turns an invitation into the key of a member, stores the key, and prints the two
lines for the Caddyfile.

A member accepts the terms of the community. Without --accept-terms the command
shows which version there is and where to read it, and the invitation stays
valid.

The key is stored in a file that only its owner can read, by default
tocsin/community.key in Caddy's data folder. So run the command as the user that
runs the server, such as sudo -u caddy.

The exit code is 0 if the server is a member now, 2 if the terms are still to be
accepted, and 1 after an error.`,
		Args: cobra.ExactArgs(2), // the URL and the invitation
		RunE: func(cmd *cobra.Command, args []string) error {
			joined, err := o.run(cmd, args[0], args[1])
			if err != nil || joined {
				return err
			}
			cmd.SilenceErrors = true // the answer is on the screen already
			return exit(cmd, exitBad)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.terms, "accept-terms", "", "The version of the community's terms that you accept")
	f.StringVar(&o.name, "name", "", "Name of this server for the operator of the community (default: its host name)")
	f.StringVar(&o.keyFile, "key-file", "", "File to store the key in (default: tocsin/community.key in Caddy's data folder)")
	f.StringVar(&o.ca, "ca", "", "File with the authorities to trust instead of the system's, in PEM")
	f.BoolVar(&o.plain, "plain-http", false, "Allow plain http to another host")
	return cmd
}

// joinOptions are the flags of the command.
type joinOptions struct {
	terms, name, keyFile, ca string
	plain                    bool
}

// run joins, and reports whether this server is a member now.
func (o *joinOptions) run(cmd *cobra.Command, url, invitation string) (joined bool, err error) {
	j := member.Joining{URL: url, Invitation: invitation, Name: o.name, Terms: o.terms, CA: o.ca, Plain: o.plain}
	if j.Name == "" {
		if j.Name, err = os.Hostname(); err != nil {
			return false, fmt.Errorf("finding the name of this server: %w: give one with --name", err)
		}
	}
	if j.Terms == "" {
		a, err := member.Join(cmd.Context(), j)
		if err == nil {
			showTerms(cmd.OutOrStdout(), &a)
		}
		return false, err
	}
	path, err := o.path()
	if err != nil {
		return false, err
	}
	file, err := createKeyFile(path)
	if err != nil {
		return false, err
	}
	a, err := member.Join(cmd.Context(), j)
	if err != nil || a.Key == "" {
		if err == nil {
			showTerms(cmd.OutOrStdout(), &a)
		}
		return false, errors.Join(err, file.Close(), os.Remove(path))
	}
	if _, err := file.WriteString(a.Key + "\n"); err != nil {
		return false, errors.Join(fmt.Errorf("storing the key: %w. The invitation is used up: store the key %s yourself", err, a.Key), file.Close())
	}
	showJoined(cmd.OutOrStdout(), url, path, &a)
	return true, file.Close()
}

// path returns the absolute path of the file for the key.
func (o *joinOptions) path() (string, error) {
	if o.keyFile == "" {
		return filepath.Join(caddy.AppDataDir(), "tocsin", "community.key"), nil
	}
	return filepath.Abs(o.keyFile)
}

// createKeyFile creates the file before the invitation is used: afterwards it would be too
// late for an error.
func createKeyFile(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("storing the key: %w", err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("storing the key: %s exists: it may be the key of a membership. Remove it, or name another file with --key-file", path)
	}
	if err != nil {
		return nil, fmt.Errorf("storing the key: %w", err)
	}
	return file, nil
}

// showTerms says which terms have to be accepted.
func showTerms(w io.Writer, a *member.Joined) {
	_, _ = fmt.Fprintf(w, "The community %s has terms, version %s: %s\n", a.Community, a.Terms, a.TermsURL)
	_, _ = fmt.Fprintf(w, "If you accept them, give the command again with --accept-terms %s. The invitation stays valid.\n", word(a.Terms))
}

// showJoined prints what to write into the Caddyfile.
func showJoined(w io.Writer, url, path string, a *member.Joined) {
	_, _ = fmt.Fprintf(w, "This server is a member of %s now, as %s. Its key is in %s, which only its owner can read.\n\n", a.Community, a.Login, path)
	_, _ = fmt.Fprintln(w, "Write these two lines into the global option tocsin of the Caddyfile:")
	_, _ = fmt.Fprintf(w, "\n\tcommunity %s %s\n\treport community\n", url, word("file:"+path))
}

// word returns s as one word of a Caddyfile or a shell.
func word(s string) string {
	if strings.ContainsAny(s, " \t\"'$`\\{}#;&|<>()*?!") {
		return strconv.Quote(s)
	}
	return s
}
