package centre

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/community/database"
	"github.com/tocsin-project/tocsin/consensus"
	"go.uber.org/zap"
)

// openingTime is the time limit for the databases at the start.
const openingTime = 20 * time.Second

// open opens the databases and starts the centre.
func open(s Settings, log *zap.Logger) (*running, error) {
	secret, err := readSecret(s.Secret, log)
	if err != nil {
		return nil, err
	}
	c := &running{settings: s, log: log, done: make(chan struct{})}
	if c.classes, err = newClasses(&s, log); err != nil {
		return nil, err
	}
	cfg, err := s.config(secret, c.classes, log)
	if err != nil {
		return nil, err
	}
	c.classes.list = func() *community.List { return c.List() }
	if err := c.openDatabases(&cfg); err != nil {
		return nil, err
	}
	if c.Centre, err = community.New(cfg); err == nil {
		err = c.classes.start(context.Background())
	}
	if err != nil {
		return nil, errors.Join(err, c.store.Close(), c.accounts.Close())
	}
	if err := c.run(); err != nil {
		return nil, errors.Join(err, c.Destruct())
	}
	return c, nil
}

func (c *running) openDatabases(cfg *community.Config) error {
	ctx, cancel := context.WithTimeout(context.Background(), openingTime)
	defer cancel()
	store, err := database.Open(ctx, c.settings.Database)
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	accounts, err := database.OpenAccounts(ctx, cmp.Or(c.settings.Accounts, database.AccountsPlace(c.settings.Database)))
	if err != nil {
		return errors.Join(fmt.Errorf("accounts: %w", err), store.Close())
	}
	c.store, c.accounts = store, accounts
	cfg.Store, cfg.Accounts = store, accounts
	return nil
}

// run runs the centre until Destruct. It waits until the centre is ready to serve, but only for
// a while: to delete old data of a restored backup can take long, and other sites need not wait.
func (c *running) run() error {
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	prepared := make(chan error, 1)
	go func() {
		defer close(c.done)
		defer c.classes.stop()
		for !c.prepare(ctx, prepared) {
			select {
			case <-time.After(time.Minute):
			case <-ctx.Done():
				return
			}
		}
		if err := c.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
			c.log.Error("the community stopped", zap.Error(err))
		}
	}()
	select {
	case err := <-prepared:
		return err
	case <-time.After(openingTime):
		c.log.Warn("the community deletes what is too old in its database, and serves nothing until that is done")
		return nil
	}
}

// prepare prepares the centre, and reports whether it is ready.
func (c *running) prepare(ctx context.Context, prepared chan<- error) bool {
	err := c.Prepare(ctx)
	c.ready.Store(err == nil)
	select {
	case prepared <- err:
	default: // run has returned already
		if err != nil && ctx.Err() == nil {
			c.log.Error("the community cannot prepare its database, and serves nothing", zap.Error(err))
		}
	}
	return err == nil
}

// config returns the config of the centre, without its databases.
func (s *Settings) config(secret []byte, classes *classes, log *zap.Logger) (community.Config, error) {
	constants := consensus.Defaults()
	constants.TrustedGroup, constants.MinWitnesses = s.TrustedGroup, max(constants.MinWitnesses, s.Witnesses)
	retention := s.retention()
	retention.Bound(&constants)
	rules, err := consensus.New(constants)
	if err != nil {
		return community.Config{}, err
	}
	cfg := community.Config{
		Secret: secret, Rules: rules, Name: s.Name, Operator: community.Operator{Name: s.Operator, Contact: s.Contact},
		Public: s.Policy == "public", Site: s.Site, Terms: s.Terms, Classes: classes, Imported: classes.imported,
		Removals: community.NewRemovalFile(s.Removals), Retention: retention, Log: log,
	}
	if s.Catalogue != "" {
		cfg.Catalogue, err = readCatalogue(s.Catalogue)
	}
	return cfg, err
}

func (s *Settings) retention() community.Retention {
	r := s.Retention
	if r == nil {
		return community.Retention{}
	}
	return community.Retention{
		Reports: time.Duration(r.Reports), Episodes: time.Duration(r.Episodes), Cases: time.Duration(r.Cases),
		Accounts: time.Duration(r.Accounts), Reason: r.Reason,
	}
}

// readCatalogue returns the built-in catalogue with the scenarios of an index of CrowdSec's hub.
func readCatalogue(path string) (*community.Catalogue, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	defer func() { _ = f.Close() }()
	c, err := community.BuiltinCatalogue().WithHub(f)
	if err != nil {
		return nil, fmt.Errorf("catalogue %s: %w", path, err)
	}
	return c, nil
}

// secretSize is the size of a secret in bytes.
const secretSize = 32

// readSecret reads the secret, or makes one if the file is missing.
func readSecret(path string, log *zap.Logger) ([]byte, error) {
	secret, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makeSecret(path, log)
	}
	if err != nil {
		return nil, fmt.Errorf("secret: %w", err)
	}
	if len(secret) < secretSize {
		return nil, fmt.Errorf("secret: %s has %d bytes, want 32 or more: restore it from a backup; with another secret all members are strangers", path, len(secret))
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		log.Warn("others can read the secret of the community: remove that permission, as with chmod 600", zap.String("path", path))
	}
	return secret, nil
}

// makeSecret makes a secret. It links the complete file to its name, so a crash leaves no
// partial file, and if two servers start at once, both use the same secret.
func makeSecret(path string, log *zap.Logger) ([]byte, error) {
	secret := make([]byte, secretSize)
	rand.Read(secret)
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("secret: %w", err)
	}
	f, err := os.CreateTemp(folder, ".community-secret-") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("secret: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.Write(secret)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, fmt.Errorf("secret: %w", err)
	}
	switch err := os.Link(f.Name(), path); {
	case errors.Is(err, fs.ErrExist):
		return readSecret(path, log)
	case err != nil:
		return nil, fmt.Errorf("secret: %w", err)
	}
	log.Info("made the secret of the community: back it up, but not beside the database", zap.String("path", path))
	return secret, nil
}
