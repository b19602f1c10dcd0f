package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/tutti-rt/tutti/auth"
)

// keyFile is where a data directory has its development key.
const keyFile = "dev-key"

// place says where the demo keeps its data and its secret. The demo and the token command agree on it.
type place struct {
	data       string
	secretFile string
}

func (p *place) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.data, "data", "", "directory of the journal and of the development key (default: "+defaultData()+")")
	cmd.Flags().StringVar(&p.secretFile, "jwt-secret-file", "", "file with the HS256 secret (or TUTTI_JWT_SECRET: the secret; without either: the development key)")
}

// defaultData returns the user's directory for what can be made again, or one for temporary files
// where the user has none.
func defaultData() string {
	base, err := os.UserCacheDir()
	if err != nil {
		base = os.TempDir()
	}
	return filepath.Join(base, "tutti-demo")
}

func (p *place) dir() string {
	if p.data != "" {
		return p.data
	}
	return defaultData()
}

// secret returns the secret that the demo's tokens are signed with, and where it is from.
func (p *place) secret() (secret []byte, from string, err error) {
	if p.secretFile != "" {
		secret, err = auth.ReadSecret(p.secretFile)
		return secret, p.secretFile, err
	}
	if s := os.Getenv("TUTTI_JWT_SECRET"); s != "" {
		if len(s) < auth.MinSecretBytes {
			return nil, "", fmt.Errorf("TUTTI_JWT_SECRET has %d bytes, at least %d are needed", len(s), auth.MinSecretBytes)
		}
		return []byte(s), "TUTTI_JWT_SECRET", nil
	}
	path := filepath.Join(p.dir(), keyFile)
	secret, _, err = auth.KeepSecret(path)
	return secret, path, err
}
