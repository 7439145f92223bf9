curl -s {{address}}/ofrep/v1/evaluate/flags/{{flag}} \
    -H "Authorization: Bearer $FADER_TOKEN" \
    -H 'Content-Type: application/json' \
    -d '{"context": {"targetingKey": "user-1"}}'
echo
