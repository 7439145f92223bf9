// What the demo data holds, as far as tests rely on it, and questions whose answers follow from it.

import { expect } from '@playwright/test';
import type { Answer, Question } from './ask';

export const EMAILS = {
    admin: 'admin@demo.fader.test',
    product: 'product@demo.fader.test',
    qa: 'qa@demo.fader.test',
    support: 'support@demo.fader.test',
    viewer: 'viewer@demo.fader.test',
};

/** Subjects that are also customers of the booking site. */
export const CUSTOMERS = {
    vip: { id: 'ada.moreau', name: 'Ada Moreau' },
    standard: { id: 'tom.okafor', name: 'Tom Okafor' },
    pinned: { id: 'lena.fischer', name: 'Lena Fischer' },
    staff: { id: 'sam.staff', name: 'Sam Rivers' },
};

interface Expected {
    value: Question['fallback'];
    variant?: string;
    reason?: string;
    errorCode?: string;
    /** What the metadata says besides environment and revision. */
    rule?: string;
    arm?: 'treatment' | 'control';
}

interface Case {
    name: string;
    question: Question;
    expected: Expected;
}

const on = { value: true, variant: 'on' };
const off = { value: false, variant: 'off' };

function boolean(name: string, flag: string, subject: string, expected: Expected): Case {
    const question: Question = { type: 'boolean', flag, fallback: !expected.value, context: { targetingKey: subject } };
    return { name, question, expected };
}

const inside = { reason: 'SPLIT', rule: 'everyone', arm: 'treatment' } as const;
const outside = { reason: 'DEFAULT', rule: 'everyone', arm: 'control' } as const;

function visitor(name: string, flag: string, subject: string, expected: Expected): Case {
    const context = { targetingKey: subject };
    const typed =
        typeof expected.value === 'number'
            ? ({ type: 'integer', fallback: -1 } as const)
            : ({ type: 'string', fallback: '-' } as const);
    return { name, question: { ...typed, flag, context }, expected };
}

/** The same for every client. All are asked about production. */
export const CASES: Case[] = [
    boolean('a group at 100 % is TARGETING_MATCH', 'fast-payment', CUSTOMERS.staff.id, {
        ...on,
        reason: 'TARGETING_MATCH',
        rule: 'internal',
        arm: 'treatment',
    }),
    boolean('outside of every percentage is DEFAULT, in the control arm', 'fast-payment', CUSTOMERS.standard.id, {
        ...off,
        reason: 'DEFAULT',
        rule: 'everyone',
        arm: 'control',
    }),
    boolean('a rollout without rules is STATIC', 'multi-currency', CUSTOMERS.vip.id, { ...off, reason: 'STATIC' }),
    boolean('a stopped flag is DISABLED', 'refund-automation', CUSTOMERS.vip.id, { ...off, reason: 'DISABLED' }),
    boolean('a pinned subject is TARGETING_MATCH', 'loyalty-points', CUSTOMERS.pinned.id, {
        ...on,
        reason: 'TARGETING_MATCH',
    }),
    boolean('an excluded subject is DEFAULT', 'loyalty-points', CUSTOMERS.staff.id, { ...off, reason: 'DEFAULT' }),
    boolean('an unmet prerequisite is DEFAULT', 'instant-confirmation', CUSTOMERS.standard.id, {
        ...off,
        reason: 'DEFAULT',
    }),
    // Where these visitors fall was worked out apart from the engine: murmur3 of "flag-production:visitor".
    visitor('a string is split: one half', 'checkout-theme', 'visitor-4', { value: 'bold', variant: 'bold', ...inside }),
    visitor('a string is split: the other', 'checkout-theme', 'visitor-5', { value: 'calm', variant: 'calm', ...inside }),
    visitor('a string outside of the percentage', 'checkout-theme', 'visitor-1', {
        value: 'classic',
        variant: 'classic',
        ...outside,
    }),
    visitor('a number is split', 'search-page-size', 'visitor-10', { value: 50, variant: 'fifty', ...inside }),
    visitor('a number outside of the percentage', 'search-page-size', 'visitor-1', {
        value: 20,
        variant: 'twenty',
        ...outside,
    }),
    {
        name: 'an object comes whole',
        question: {
            type: 'object',
            flag: 'fare-limits',
            fallback: {},
            context: { targetingKey: CUSTOMERS.vip.id },
        },
        expected: {
            value: { passengers_max: 40, hold_hours: 96, currencies: ['EUR', 'GBP', 'SEK'] },
            variant: 'extended',
            reason: 'TARGETING_MATCH',
            rule: 'vip',
            arm: 'treatment',
        },
    },
    {
        name: 'an empty string is a value',
        question: {
            type: 'string',
            flag: 'maintenance-banner',
            fallback: '-',
            context: { targetingKey: CUSTOMERS.vip.id },
        },
        expected: { value: '', variant: 'none', reason: 'STATIC' },
    },
    {
        name: 'an unknown flag is FLAG_NOT_FOUND, with the caller’s default',
        question: { type: 'boolean', flag: 'no-such-flag', fallback: true, context: { targetingKey: 'x' } },
        expected: { value: true, reason: 'ERROR', errorCode: 'FLAG_NOT_FOUND' },
    },
    {
        name: 'an archived flag is FLAG_NOT_FOUND',
        question: { type: 'boolean', flag: 'voucher-import', fallback: true, context: { targetingKey: 'x' } },
        expected: { value: true, reason: 'ERROR', errorCode: 'FLAG_NOT_FOUND' },
    },
    {
        name: 'a percentage without a targeting key is TARGETING_KEY_MISSING',
        question: { type: 'string', flag: 'checkout-theme', fallback: 'mine', context: { country: 'DE' } },
        expected: { value: 'mine', reason: 'ERROR', errorCode: 'TARGETING_KEY_MISSING' },
    },
    {
        name: 'a value of another type is TYPE_MISMATCH',
        question: { type: 'string', flag: 'multi-currency', fallback: 'mine', context: { targetingKey: 'x' } },
        expected: { value: 'mine', reason: 'ERROR', errorCode: 'TYPE_MISMATCH' },
    },
];

/** `proved`: a client token's answer carries a receipt. */
export function expectAnswer(answer: Answer, expected: Expected, proved = false): void {
    const { rule, arm, value, ...plain } = expected;
    expect(answer).toMatchObject(plain);
    expect(answer.value).toEqual(value);
    if (expected.errorCode) {
        return;
    }
    expect(answer.metadata).toEqual({
        environment: 'production',
        revision: expect.any(Number),
        ...(rule && { rule }),
        ...(arm && { arm }),
        ...(proved && { receipt: expect.stringMatching(/^\d+\.[\w-]{22}$/) }),
    });
}
