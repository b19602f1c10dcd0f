package natsbus

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
)

// routeUser is who servers are to each other.
const routeUser = "route"

// password derives what a user of the cluster's servers shows.
func password(secret []byte, cluster, user string) string {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte("tutti/nats/" + cluster + "/" + user))
	return hex.EncodeToString(h.Sum(nil))
}

// laneUser is who the connections of a lane are to a server. It is the name of the lane's account as well.
func laneUser(lane string) string { return "lane." + token(lane) }
