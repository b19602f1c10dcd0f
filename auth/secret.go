package auth

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// KeepSecret returns the secret in the file, which only its owner can read. It makes one at random
// where the file does not exist, and says so.
func KeepSecret(path string) (secret []byte, made bool, err error) {
	secret, err = ReadSecret(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return secret, false, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, false, fmt.Errorf("auth: make a secret: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, false, fmt.Errorf("auth: make a secret: %w", err)
	}
	random := make([]byte, MinSecretBytes)
	_, _ = rand.Read(random) // never fails
	secret = base64.RawURLEncoding.AppendEncode(nil, random)
	_, err = f.Write(append(secret[:len(secret):len(secret)], '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, false, fmt.Errorf("auth: make a secret: %w", errors.Join(err, os.Remove(path)))
	}
	return secret, true, nil
}

// ReadSecret returns the secret in the file, without the line breaks at its end.
func ReadSecret(path string) ([]byte, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("auth: read secret: %w", err)
	}
	keys, err := parseSecretFile(data, nil)
	if err != nil {
		return nil, fmt.Errorf("auth: secret in %s: %w", path, err)
	}
	return keys[0].public.([]byte), nil
}
