#!/bin/sh
# After installing and upgrading. A service that runs is restarted with the new
# program; what is queued waits for it. Nothing is enabled or started by itself.
set -e
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    systemctl try-restart rollcall.service
fi
