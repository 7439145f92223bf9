import { OpenFeature } from '@openfeature/server-sdk';
import { OFREPProvider } from '@openfeature/ofrep-provider';

const baseUrl = '{{address}}';
const headers = { Authorization: `Bearer ${process.env.FADER_TOKEN}` };
const user = 'user-1'; // who it is, as your application knows them

await OpenFeature.setProviderAndWait(new OFREPProvider({ baseUrl, headers: Object.entries(headers) }));
const value = await OpenFeature.getClient().get{{call}}Value('{{flag}}', {{default}}, { targetingKey: user });
console.log('{{flag}}', value);

// Once you know how it went: an outcome, which the guard watches.
await fetch(`${baseUrl}/api/v1/events`, {
    method: 'POST',
    headers: { ...headers, 'Content-Type': 'application/json' },
    body: JSON.stringify({ events: [{ type: 'outcome', subject: user, metric: 'error_rate', ok: true }] }),
});
