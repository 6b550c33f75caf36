import { mount } from '@vue/test-utils'
import { describe, expect, it } from 'vitest'
import AppTagInput from '@/components/AppTagInput.vue'

function field(modelValue: string[] = []) {
  const wrapper = mount(AppTagInput, { props: { modelValue, max: 5, longest: 10, 'onUpdate:modelValue': (next: string[]) => wrapper.setProps({ modelValue: next }) } })
  return {
    wrapper, now: () => wrapper.props('modelValue'),
    type: async (text: string) => {
      await wrapper.get('input').setValue(text)
      await wrapper.get('input').trigger('keydown', { key: 'Enter' })
    },
    paste: (text: string) => wrapper.get('input').trigger('paste', { clipboardData: { getData: () => text } })
  }
}

describe('a field of tags', () => {
  it('takes each once and drops the last by Backspace', async () => {
    const { wrapper, type, now } = field()
    for (const text of ['web', ' web ', 'ios', '']) await type(text)
    expect(now()).toEqual(['web', 'ios'])
    await wrapper.get('input').trigger('keydown', { key: 'Backspace' })
    expect(now()).toEqual(['web'])
  })

  it('counts from 80 % of a limit', async () => {
    const { wrapper } = field(['a', 'b', 'c'])
    await wrapper.get('input').setValue('1234567')
    expect(wrapper.findAll('.length-count')).toHaveLength(0)
    await wrapper.get('input').setValue('⛵⛵⛵⛵⛵⛵⛵⛵')
    expect(wrapper.get('.length-count').text()).toBe('8 of 10 characters')
    await wrapper.setProps({ modelValue: ['a', 'b', 'c', 'd'] })
    expect(wrapper.findAll('.length-count').map(one => one.text())).toContain('4 of 5')
  })

  it('says what of a pasted list did not fit', async () => {
    const { wrapper, paste, now } = field()
    await paste('a\nfar too long a tag\nb')
    expect(now()).toEqual(['a', 'b'])
    expect(wrapper.text()).toContain('1 left out: no more than 10 characters fit.')
    await wrapper.get('input').setValue('c')
    expect(wrapper.text()).not.toContain('left out')
    await paste('c,d,e,f,g')
    expect(now()).toEqual(['a', 'b', 'c', 'd', 'e'])
    expect(wrapper.text()).toContain('No more than 5 fit.')
  })
})
