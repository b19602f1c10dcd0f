package edge

import "net/http"

// postCommands carries out what the body asks for.
func (x *exchange) postCommands() *problem {
	return refuse(http.StatusNotFound, "commands are not taken here")
}
