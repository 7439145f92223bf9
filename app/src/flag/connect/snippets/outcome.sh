curl -s {{address}}/api/v1/events \
    -H "Authorization: Bearer $FADER_TOKEN" \
    -H 'Content-Type: application/json' \
    -d '{"events": [{"type": "outcome", "subject": "user-1", "metric": "error_rate", "ok": true}]}'
echo
