import { mount } from '@vue/test-utils'
import { describe, expect, it } from 'vitest'
import type { Distribution } from '@/api/client'
import DistributionEditor from '@/components/DistributionEditor.vue'

const variants = ['red', 'blue', 'green'].map(key => ({ id: key, key }))

function editor(shares: number[]) {
  const wrapper = mount(DistributionEditor, {
    props: {
      variants, otherwise: 'red', modelValue: shares.map((rollout, place): Distribution => ({ id: `d${place}`, variantId: variants[place]!.id, rollout })),
      'onUpdate:modelValue': modelValue => wrapper.setProps({ modelValue })
    }
  })
  return {
    wrapper, now: () => wrapper.props('modelValue').map(d => d.rollout), said: () => wrapper.get('.sum').text(),
    type: (name: string, text: string) => wrapper.get(`[aria-label="Percent of ${name}"]`).setValue(text),
    press: (name: string) => wrapper.findAll('button').find(button => button.text() === name || button.attributes('aria-label') === name)!.trigger('click')
  }
}

describe('the distribution editor', () => {
  it('says what a sum that is not 100 % means', async () => {
    const { type, said } = editor([50, 50])
    expect(said()).toBe('Together 100 %.')
    await type('blue', '30')
    expect(said()).toBe('Together 80 %: the other 20 % get red.')
    await type('blue', '60')
    expect(said()).toBe('Together 110 %: 10 % too much.')
  })
  it('reads commas, and leaves alone what is no number', async () => {
    const { type, now, wrapper } = editor([50, 50])
    await type('red', '33,34')
    expect(now()).toEqual([33.34, 50])
    await type('red', '33,34x')
    expect(now()).toEqual([33.34, 50])
    expect(wrapper.get('[aria-label="Percent of red"]').attributes('aria-invalid')).toBe('true')
  })
  it('splits evenly, and fills up what is not locked', async () => {
    const { press, now, type } = editor([100, 0, 0])
    await press('Split evenly')
    expect(now()).toEqual([33.34, 33.33, 33.33])
    await type('red', '10')
    await press('Lock red')
    await press('Fill the rest')
    expect(now()).toEqual([10, 45, 45])
  })
  it('takes variants out of the split and in again', async () => {
    const { press, now, wrapper } = editor([50, 50])
    await press('Take red out of the split')
    expect(now()).toEqual([50])
    await press('+ green')
    expect(wrapper.props('modelValue').map(d => d.variantId)).toEqual(['blue', 'green'])
  })
})
